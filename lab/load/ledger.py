"""What became of each message: sent, acknowledged, stored, received, applied; and what is not as promised.

Pure: from plain rows to a record.Ledger. It counts by itself what came twice, late or never; it does not
take the devices' word for it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lab.load.record import Ledger

EXAMPLES = 10
Promise = Literal["all", "own", "none"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One send. `seq` is what the answer said, None when there was no (good) answer."""

    number: int
    dialog: int
    from_user: int
    to_user: int
    due: float
    seq: int | None
    answered: float = 0.0


@dataclass(frozen=True, slots=True)
class Read:
    """A list of a dialog's newest messages: asked for at `sent`, its newest seq was `newest` (0: empty)."""

    dialog: int
    reader: int
    sent: float
    newest: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the database. `number` is -1 for a message that this run did not send."""

    dialog: int
    seq: int
    number: int
    from_user: int
    to_user: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message on the wire of one device, in the order of arrival. `dialog` -1: not one of this run."""

    device: int
    dialog: int
    seq: int
    number: int
    at: float
    replay: bool = False
    misrouted: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """A message that a device's client rule let through, in that order."""

    device: int
    dialog: int
    seq: int
    number: int
    at: float


@dataclass(frozen=True)
class Books:
    """All that a run leaves. `dialogs`: (lower user, higher user, newest seq before the run).

    `stored` is None when the database was not asked: then the acknowledged messages are what is owed.
    """

    dialogs: Sequence[tuple[int, int, int]]
    devices: Sequence[int]
    sent: Sequence[Sent]
    stored: Sequence[Stored] | None
    received: Iterable[Received]
    applied: Sequence[Applied]
    reconnects: int = 0
    closes: Mapping[str, int] = field(default_factory=dict)
    reads: Sequence[Read] = ()
    shown: Promise = "all"  # which messages acknowledged before a list must be in it, if they are the newest


@dataclass
class _Wire:
    duplicates: int = 0
    out_of_order: int = 0
    gaps: int = 0
    misrouted: int = 0
    replayed: dict[tuple[int, int, int], float] = field(default_factory=dict)


def balance(books: Books) -> Ledger:
    """Draw up the account."""
    examples: list[str] = []
    sent = {one.number: one for one in books.sent}
    lost, unacknowledged, otherwise = _storage(books, sent, examples)
    wire = _wire(books, examples)
    twice, disorder, wrong = _client(books, examples)
    owed = set(_owed(books))
    delivered = {(one.device, one.dialog, one.seq) for one in books.applied}
    missing = owed - delivered
    examples += [f"device {d} never got seq {s} of dialog {n}" for d, n, s in sorted(missing)[:3]]
    holes = _holes(books, examples)
    stale, own_stale = _stale(books)
    blind = {"all": stale, "own": own_stale, "none": 0}[books.shown]
    if blind:
        examples.append(f"{blind} lists did not show a message that had been acknowledged before")
    late = [
        one.at - sent[one.number].due
        for one in books.applied
        if one.number in sent and (one.device, one.dialog, one.seq) in wire.replayed
    ]
    times = [one.at - sent[one.number].due for one in books.applied if one.number in sent]
    troubles = (lost, otherwise + wrong, len(missing), wire.misrouted, twice, disorder, holes or 0)
    return Ledger(
        clean=not any(troubles) and not blind,
        compared_with_database=books.stored is not None,
        sends=len(books.sent),
        acknowledged=sum(one.seq is not None for one in books.sent),
        stored=None if books.stored is None else sum(one.number >= 0 for one in books.stored),
        acknowledged_not_stored=lost,
        stored_not_acknowledged=unacknowledged,
        answered_otherwise=otherwise + wrong,
        devices=len(books.devices),
        owed=len(owed),
        delivered=len(owed & delivered),
        not_delivered=len(missing),
        misrouted=wire.misrouted,
        duplicates_on_wire=wire.duplicates,
        duplicates_after_client=twice,
        out_of_order_on_wire=wire.out_of_order,
        out_of_order_after_client=disorder,
        gaps_on_wire=wire.gaps,
        seq_gaps_in_database=holes,
        replayed=len(wire.replayed),
        repair_seconds_max=max(late, default=None),
        slowest_delivery_seconds=max(times, default=None),
        reconnects=books.reconnects,
        closes=dict(books.closes),
        reads=len(books.reads),
        stale_reads=stale,
        stale_own_reads=own_stale,
        examples=examples[:EXAMPLES],
    )


def owed_by_device(books: Books) -> dict[int, list[int]]:
    """Dialog -> the devices that are owed its messages."""
    devices: dict[int, list[int]] = defaultdict(list)
    for number, user in enumerate(books.devices):
        devices[user].append(number)
    return {
        dialog: [*devices.get(low, ()), *devices.get(high, ())]
        for dialog, (low, high, _) in enumerate(books.dialogs)
    }


def _owed(books: Books) -> Iterable[tuple[int, int, int]]:
    listeners = owed_by_device(books)
    if books.stored is None:
        rows = [(one.dialog, one.seq) for one in books.sent if one.seq is not None]
    else:
        rows = [(one.dialog, one.seq) for one in books.stored]
    return ((device, dialog, seq) for dialog, seq in rows for device in listeners[dialog])


def _storage(books: Books, sent: Mapping[int, Sent], examples: list[str]) -> tuple[int, int, int]:
    """(acknowledged and not stored, stored and not acknowledged, stored otherwise than answered)."""
    if books.stored is None:
        return 0, 0, 0
    rows = {one.number: one for one in books.stored if one.number >= 0}
    lost = otherwise = 0
    for one in books.sent:
        row = rows.get(one.number)
        if one.seq is None:
            continue
        if row is None:
            lost += 1
            examples.append(f"send {one.number} was acknowledged with seq {one.seq} and is not stored")
        elif (row.dialog, row.seq, row.from_user, row.to_user) != (
            one.dialog, one.seq, one.from_user, one.to_user,
        ):  # fmt: skip
            otherwise += 1
            examples.append(f"send {one.number} was acknowledged as {one} and is stored as {row}")
    unknown = sum(number not in sent for number in rows)
    if unknown or len(rows) != sum(one.number >= 0 for one in books.stored):
        otherwise += unknown + sum(one.number >= 0 for one in books.stored) - len(rows)
        examples.append("rows with ids of this run that nobody sent, or one id in two rows")
    return lost, sum(number in sent and sent[number].seq is None for number in rows), otherwise


def _wire(books: Books, examples: list[str]) -> _Wire:
    found = _Wire()
    seen: dict[tuple[int, int], set[int]] = defaultdict(set)
    highest: dict[tuple[int, int], int] = {}
    for one in books.received:
        if one.misrouted or (
            one.dialog >= 0 and books.devices[one.device] not in books.dialogs[one.dialog][:2]
        ):
            found.misrouted += 1
            examples.append(f"device {one.device} received a message of dialog {one.dialog}, not its own")
            continue
        if one.dialog < 0 or one.seq <= books.dialogs[one.dialog][2]:
            continue  # from before the run
        place = (one.device, one.dialog)
        before = highest.get(place, books.dialogs[one.dialog][2])
        highest[place] = max(before, one.seq)
        if one.seq in seen[place]:
            found.duplicates += 1
            continue
        seen[place].add(one.seq)
        if one.replay:
            found.replayed[(one.device, one.dialog, one.seq)] = one.at
        elif one.seq < before:
            found.out_of_order += 1
        elif one.seq > before + 1:
            found.gaps += 1
    return found


def _client(books: Books, examples: list[str]) -> tuple[int, int, int]:
    """(applied twice, applied out of order, another message than is stored under that seq)."""
    twice = disorder = wrong = 0
    stored = {(one.dialog, one.seq): one.number for one in books.stored or ()}
    last: dict[tuple[int, int], int] = {}
    known: set[tuple[int, int, int]] = set()
    for one in books.applied:
        if one.dialog < 0:
            continue
        place, name = (one.device, one.dialog), (one.device, one.dialog, one.seq)
        before = last.get(place, books.dialogs[one.dialog][2])
        if name in known:
            twice += 1
            examples.append(f"device {one.device} applied seq {one.seq} of dialog {one.dialog} twice")
        elif one.seq != before + 1:
            disorder += 1
            examples.append(f"device {one.device}, dialog {one.dialog}: seq {one.seq} came after {before}")
        if stored.get((one.dialog, one.seq), one.number) != one.number:
            wrong += 1
            examples.append(f"device {one.device}: seq {one.seq} of dialog {one.dialog} is another message")
        known.add(name)
        last[place] = max(before, one.seq)
    return twice, disorder, wrong


def _holes(books: Books, examples: list[str]) -> int | None:
    """Missing numbers among the seqs of each dialog since the run began."""
    if books.stored is None:
        return None
    seqs: dict[int, list[int]] = defaultdict(list)
    for one in books.stored:
        seqs[one.dialog].append(one.seq)
    holes = 0
    for dialog, found in seqs.items():
        missing = max(found) - books.dialogs[dialog][2] - len(found)
        if missing:
            holes += abs(missing)
            examples.append(f"dialog {dialog}: {missing} seq numbers are missing in the database")
    return holes


def _stale(books: Books) -> tuple[int, int]:
    """Lists that miss a message acknowledged before they were asked for: (by anybody, by the reader)."""
    by_anybody: dict[int, _Known] = defaultdict(_Known)
    by_reader: dict[tuple[int, int], _Known] = defaultdict(_Known)
    for one in sorted(books.sent, key=lambda one: one.answered):
        if one.seq is not None:
            by_anybody[one.dialog].add(one.answered, one.seq)
            by_reader[one.dialog, one.from_user].add(one.answered, one.seq)
    return (
        sum(read.newest < by_anybody[read.dialog].at(read.sent) for read in books.reads),
        sum(read.newest < by_reader[read.dialog, read.reader].at(read.sent) for read in books.reads),
    )


class _Known:
    """The highest seq that was acknowledged by a moment."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._highest: list[int] = []

    def add(self, moment: float, seq: int) -> None:
        self._moments.append(moment)
        self._highest.append(max(seq, self._highest[-1] if self._highest else 0))

    def at(self, moment: float) -> int:
        place = bisect_left(self._moments, moment)
        return self._highest[place - 1] if place else 0
