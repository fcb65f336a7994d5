"""docs/results/broker.md: what a hint costs on each broker, drawn from broker.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from lab.bench.broker import Cell, as_rows
from lab.load.record import Machine

AIM_MS = 0.02
SIDES = ("publisher", "consumer", "broker")


def write(cells: Sequence[Cell], about: Mapping[str, Any], folder: Path) -> list[Path]:
    """broker.json and broker.md in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / "broker.json", folder / "broker.md"]
    places[0].write_text(json.dumps({**about, "cells": as_rows(cells)}, indent=1) + "\n")
    places[1].write_text(markdown(cells, about))
    return places


def markdown(cells: Sequence[Cell], about: Mapping[str, Any]) -> str:
    """A table with the median of the rounds, and their spread."""
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
        f"The aim was {AIM_MS:g} ms of the publisher's CPU for a hint: {_reached(groups)}.",
        "How many share a publish is what the rate makes of it, and PUBLISH_INTERVAL_SECONDS: each API",
        "process counts them (`hints_batch_size` at /metrics).",
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
        "",
        f"`{about['command']}`, {about['rounds']} rounds of {about['hints']:,} hints in turns,"
        f" {about['when']} UTC, {machine.cores} cores ({machine.cpu}), Python {machine.python},"
        f" commit {machine.code}; some task waited for a core {about['waited']:.0%} of the time.",
    ]
    return "\n".join(lines) + "\n"


def _reached(groups: Mapping[tuple[str, bool, int], Sequence[Cell]]) -> str:
    """From how many hints a publish on each broker keeps it, confirmed or not."""
    kept = {
        (broker, batch)
        for (broker, _, batch), group in groups.items()
        if median(cell.per_hint("publisher") for cell in group) * 1000 <= AIM_MS
    }
    fewest = {broker: min(batch for one, batch in kept if one == broker) for broker, _ in sorted(kept)}
    told = [f"{broker} keeps it from {batch} hints a publish on" for broker, batch in fewest.items()]
    told += [f"{broker} does not" for broker in sorted({one for one, _, _ in groups} - set(fewest))]
    return ", ".join(told)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.4f} ({min(values):.4f} to {max(values):.4f})"
