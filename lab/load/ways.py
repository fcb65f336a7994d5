"""Every message's way on record: one line of CSV a message and device, all moments in unix seconds.

The record holds distributions; who wants to know what became of one message looks here.
"""

import csv
from pathlib import Path

from lab.load.figures import WAY, Samples
from lab.load.frames import MessageIds
from lab.load.outcome import SEND, Outcome

COLUMNS = ("number", "id", "dialog_id", "seq", "from_user_id", "to_user_id", "status", "device", "user_id")
UNKNOWN = ("",) * 5
MOMENTS = (*WAY[:2], "answered", *WAY[2:-1], "received")


def write_ways(path: Path, outcome: Outcome, ids: MessageIds) -> int:
    """Write all messages, warm-up included; returns the number of lines.

    A message that no device received has one line without a device; hop times are empty where the services
    do not keep them (HOP_TIMES=off).
    """
    samples, _ = outcome.joined()
    lines = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*COLUMNS, *MOMENTS])
        arrived = _arrivals(outcome)
        for number in (samples.operation == SEND).nonzero()[0].tolist():
            head = _head(outcome, samples, ids, number)
            moments = _own_moments(outcome, samples, number)
            for device, hops, received in arrived.get(number, [("", UNKNOWN, "")]):
                user = outcome.people.listeners[device] if isinstance(device, int) else ""
                out.writerow([*head, device, user, *moments, *hops, received])
                lines += 1
    return lines


def _arrivals(outcome: Outcome) -> dict[int, list[tuple[object, tuple[object, ...], object]]]:
    """Message -> (device, hop times, received) of each device that applied it."""
    hops: dict[tuple[int, int], tuple[object, ...]] = {}
    for device, number, _, times in outcome.rows.whole("hops").tolist():
        hops.setdefault((device, number), tuple(f"{one:.6f}" for one in times))
    found: dict[int, list[tuple[object, tuple[object, ...], object]]] = {}
    for device, _, _, number, at in outcome.rows.whole("applied").tolist():
        way = hops.get((device, number), UNKNOWN)
        found.setdefault(number, []).append((device, way, f"{at + outcome.clock:.6f}"))
    return found


def _head(outcome: Outcome, samples: Samples, ids: MessageIds, number: int) -> list[object]:
    dialog = outcome.people.dialogs[int(outcome.schedule.dialog[number])]
    status = int(samples.status[number])
    return [
        number,
        ids.text(number),
        dialog.id,
        int(samples.seq[number]) or "",
        *outcome.pair(number),
        status,
    ]


def _own_moments(outcome: Outcome, samples: Samples, number: int) -> list[str]:
    """Intended, sent, answered; empty for what did not happen (0 or nan)."""
    moments = [float(column[number]) for column in (samples.due, samples.sent, samples.answered)]
    return [f"{moment + outcome.clock:.6f}" if moment > 0 else "" for moment in moments]
