"""docs/results/broker.md: what a hint costs on each broker, drawn from broker.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from lab.bench.broker import Cell, PerHint
from lab.bench.broker_rate import WAYS, RateCell
from lab.load.record import Machine

AIM_MS = 0.02
SIDES = ("publisher", "consumer", "broker")


def write(
    cells: Sequence[Cell], at_rates: Sequence[RateCell], about: Mapping[str, Any], folder: Path
) -> list[Path]:
    """broker.json and broker.md in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / "broker.json", folder / "broker.md"]
    rows = {"cells": [asdict(cell) for cell in cells], "at_rates": [asdict(cell) for cell in at_rates]}
    places[0].write_text(json.dumps({**about, **rows}, indent=1) + "\n")
    places[1].write_text(markdown(cells, at_rates, about))
    return places


def markdown(cells: Sequence[Cell], at_rates: Sequence[RateCell], about: Mapping[str, Any]) -> str:
    """Tables with the median of the rounds, and their spread."""
    groups: dict[tuple[str, bool, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.broker, cell.confirm, cell.batch), []).append(cell)
    machine = msgspec.convert(about["machine"], Machine)
    lines = [
        "# What a hint costs on each broker",
        "",
        "Made by `lab bench broker`; do not edit. CPU in ms for one hint, median of the rounds (lowest and",
        "highest behind it): of the publishing client, of the consuming client, of the broker's processes.",
        "A hint has 80 characters and two users in different partitions; 16 publishes are always under way.",
        "CPU only: a closed loop says nothing about latency. Nothing is killed, and the brokers do not",
        "promise the same: any may lose a hint, and no message is lost by it ([delivery](../delivery.md)).",
        "",
        f"The aim was {AIM_MS:g} ms of CPU for a hint, of the publisher and of the consumer. Here, where",
        f"neither ever waits: {_reached(groups)}.",
        "",
        "| broker | confirm | hints a publish | publisher ms | consumer ms | broker ms | hints/s | lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (broker, confirm, batch), group in sorted(groups.items()):
        sides = [_spread([cell.per_hint(side) * 1000 for cell in group]) for side in SIDES]
        rate = median(cell.hints / cell.seconds for cell in group)
        lost = sum(cell.hints - cell.received for cell in group)
        word = "yes" if confirm else "no"
        lines.append(f"| {broker} | {word} | {batch} | {' | '.join(sides)} | {rate:,.0f} | {lost} |")
    lines += [
        *_at_rates(at_rates),
        "",
        f"`{about['command']}`, {about['rounds']} rounds of {about['hints']:,} hints in turns,"
        f" {about['when']} UTC, {machine.cores} cores ({machine.cpu}), Python {machine.python},"
        f" commit {machine.code}; some task waited for a core {about['waited']:.0%} of the time.",
    ]
    return "\n".join(lines) + "\n"


def _at_rates(cells: Sequence[RateCell]) -> list[str]:
    if not cells:
        return []
    lines = [
        "",
        "## RabbitMQ at a rate",
        "",
        "An open loop: hints come to one publisher at random times, and share a message as in an API",
        "process: what came while the last publish was under way, or within PUBLISH_INTERVAL_SECONDS. Each",
        "API process counts how many do (`hints_batch_size` at /metrics). What the arrivals themselves cost",
        "is taken off, as a further process has it that publishes nothing, in the same seconds. The delay is",
        "from handing over to receiving. *Each alone*: so many were handed over at once, each in a message",
        "of its own.",
        "",
        "| each second | hints share a message | hints a publish | publisher ms | consumer ms | broker ms"
        " | delay p50, ms | p99, ms | lost |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    order = [way.name for way in WAYS]
    groups: dict[tuple[float, int], list[RateCell]] = {}
    for cell in cells:
        groups.setdefault((cell.rate, order.index(cell.way)), []).append(cell)
    for (rate, way), group in sorted(groups.items()):
        together = median(cell.hints / cell.publishes for cell in group)
        sides = [_spread([cell.per_hint(side) * 1000 for cell in group]) for side in SIDES]
        delays = [
            _spread([delay * 1000 for delay in some], 1)
            for some in ([cell.delay_p50 for cell in group], [cell.delay_p99 for cell in group])
        ]
        lost = sum(cell.hints - cell.received for cell in group)
        row = [f"{rate:,.0f}", order[way], f"{together:.1f}", *sides, *delays, str(lost)]
        lines.append(f"| {' | '.join(row)} |")
    words = "A machine that idles wakes up for each message, which costs more than what is in it."
    return [
        *lines,
        "",
        f"The aim of {AIM_MS:g} ms on both ends is {_kept_at(dict(sorted(groups.items())))}. {words}",
    ]


def _reached(groups: Mapping[tuple[str, bool, int], Sequence[Cell]]) -> str:
    """From how many hints a publish on each broker keeps the aim, confirmed or not."""
    kept = {(broker, batch) for (broker, _, batch), group in groups.items() if _keeps(group)}
    fewest = {broker: min(batch for one, batch in kept if one == broker) for broker, _ in sorted(kept)}
    told = [
        f"{broker} keeps it in the median from {batch} hints a publish on" for broker, batch in fewest.items()
    ]
    told += [f"{broker} does not" for broker in sorted({one for one, _, _ in groups} - set(fewest))]
    return ", ".join(told)


def _keeps(group: Sequence[PerHint]) -> bool:
    """The aim, on both ends, in the median of the rounds."""
    return all(
        median(cell.per_hint(side) for cell in group) * 1000 <= AIM_MS for side in ("publisher", "consumer")
    )


def _kept_at(groups: Mapping[tuple[float, int], Sequence[RateCell]]) -> str:
    """At which rates and ways the aim is kept."""
    kept = [f"at {rate:,.0f}/s *{WAYS[way].name}*" for (rate, way), group in groups.items() if _keeps(group)]
    return f"kept {', '.join(kept)}, and in no other row" if kept else "kept in no row"


def _spread(values: Sequence[float], digits: int = 4) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
