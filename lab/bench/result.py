"""What a benchmark found: figures of each contender round by round, and what they come to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from lab.bench.contenders import BASE, CONTENDERS
from lab.statistics import Effect, effect_of, log_ratios

PRIORITY = "chrt -r 1 "  # before the command of a run that others wait for
CELLS = ("send_32", "send_1", "list_32")  # what is done, on how many connections


@dataclass(frozen=True)
class Cell:
    """One contender doing one thing in one round."""

    contender: str
    cell: str
    round: int
    answered: int
    seconds: float
    cpu_seconds: float  # of the backend process
    postgres_cpu_seconds: float  # of PostgreSQL's processes together
    p50_seconds: float
    p99_seconds: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds

    @property
    def cpu_ms(self) -> float:
        return self.cpu_seconds / self.answered * 1000

    @property
    def postgres_cpu_ms(self) -> float:
        return self.postgres_cpu_seconds / self.answered * 1000


@dataclass(frozen=True)
class BenchResult:
    """`ledger` is what the database holds after the run against what was acknowledged."""

    command: str
    machine: dict[str, Any]
    started_at: str
    rounds: int
    seconds: float
    cells: list[Cell]
    ledger: dict[str, int]
    waited: float | None  # share of the time in which some task waited for a core
    cores_of_others: float  # cores that other programs used meanwhile
    effective: dict[str, dict[str, Any]]

    def figures(self, contender: str, cell: str, figure: str) -> list[float]:
        """A figure round by round."""
        found = [one for one in self.cells if (one.contender, one.cell) == (contender, cell)]
        return [getattr(one, figure) for one in sorted(found, key=lambda one: one.round)]

    def middle(self, contender: str, cell: str, figure: str) -> float:
        """The median over rounds."""
        return median(self.figures(contender, cell, figure))

    def against(self, contender: str, other: str, cell: str, figure: str) -> Effect | None:
        """The contender's figure as a multiple of another's, by rounds; None with fewer than 5 of them."""
        if self.rounds < 5:
            return None
        mine, theirs = self.figures(contender, cell, figure), self.figures(other, cell, figure)
        return effect_of(log_ratios(theirs, mine))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load(path: Path) -> BenchResult:
    """A saved result."""
    raw = json.loads(path.read_text())
    return BenchResult(**{**raw, "cells": [Cell(**cell) for cell in raw["cells"]]})


def _multiple(effect: Effect | None) -> str:
    return f"{effect.ratio:.2f} [{effect.low:.2f}, {effect.high:.2f}]" if effect else "-"


def table(result: BenchResult, cell: str, figure: str, decimals: int) -> list[str]:
    """Markdown rows: contender, median, smallest and largest, as a multiple of the base."""
    rows = []
    for contender in CONTENDERS:
        figures = result.figures(contender.name, cell, figure)
        if not figures:
            continue
        effect = result.against(contender.name, BASE, cell, figure)
        multiple = "1" if contender.name == BASE else _multiple(effect)
        shown = [f"{value:,.{decimals}f}" for value in (median(figures), min(figures), max(figures))]
        rows.append(f"| {contender.words} | {shown[0]} | {shown[1]} .. {shown[2]} | {multiple} |")
    return rows


def _how_busy(result: BenchResult) -> str:
    waited = "unknown" if result.waited is None else f"{result.waited:.0%} of the time"
    text = f"Other programs used {result.cores_of_others:.1f} cores; some task waited for a core {waited}."
    if result.command.startswith(PRIORITY):
        text += (
            f" Contenders, PostgreSQL and clients had real-time priority (`{PRIORITY}` before the command): "
            "others waited for them."
        )
    elif result.cores_of_others > 0.2:
        text += (
            " On a machine as busy as that, caches are cold after each wait: rates are lower and CPU figures "
            "higher than on an idle one, and most for whoever wakes most often."
        )
    return text


def page(result: BenchResult, source: str) -> str:
    """The result as a page of the documentation."""
    machine = result.machine
    sync = machine.get("disk_sync_seconds")
    lines = [
        "# Our send and list against their twins",
        "",
        "One database, one process for each contender, all up at the same time. In each of "
        f"{result.rounds} rounds every contender has {result.seconds:g} s of each kind of request, in an "
        "order that changes from round to round. Clients are a closed loop on the same machine. "
        "A multiple is the median of the rounds' ratios with its 95 % bootstrap interval.",
        "",
        f"    {result.command.removeprefix(PRIORITY)}",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"a durable write of one page takes {sync * 1e6:.0f} us here, which is little: "
        "on a slower disk the way to the database matters less and batching more."
        if sync
        else f"{machine['cpu']}, {machine['cores']} cores.",
        _how_busy(result),
        f"Result file: `{source}`. Started {result.started_at}.",
        "",
    ]
    for cell, figure, decimals, title in (
        ("send_32", "cpu_ms", 4, "Send: backend CPU in ms each, 32 connections"),
        ("send_32", "per_second", 0, "Send: messages/s, one process, 32 connections"),
        ("send_32", "postgres_cpu_ms", 4, "Send: PostgreSQL CPU in ms each, 32 connections"),
        ("send_1", "p50_seconds", 6, "Send: p50 in s at one connection"),
        ("send_1", "cpu_ms", 4, "Send: backend CPU in ms each, one connection"),
        ("list_32", "cpu_ms", 4, "List of 20: backend CPU in ms each, 32 connections"),
        ("list_32", "per_second", 0, "List of 20: pages/s, one process, 32 connections"),
    ):
        lines += [
            f"## {title}",
            "",
            "| | median | smallest .. largest | multiple of (c) |",
            "|---|---|---|---|",
        ]
        lines += [*table(result, cell, figure, decimals), ""]
    alone = result.against("ours", "single", "send_1", "p50_seconds")
    lines += [
        "## One connection: does batching make an idle server slower?",
        "",
        f"p50 with group commit as a multiple of p50 without: {_multiple(alone)}.",
        "",
        "## Ledger",
        "",
        f"Acknowledged {result.ledger['acknowledged']:,}, stored {result.ledger['stored']:,}, "
        f"dialogs whose seq has a gap: {result.ledger['gaps']}.",
        "",
    ]
    return "\n".join(lines)


def short(result: BenchResult) -> Sequence[str]:
    """A few lines for the terminal."""
    lines = [f"{'':42} {'send CPU ms':>12} {'sends/s':>9} {'list CPU ms':>12} {'p50 ms, 1 conn':>15}"]
    for one in CONTENDERS:
        lines.append(
            f"{one.words:42} {result.middle(one.name, 'send_32', 'cpu_ms'):12.4f} "
            f"{result.middle(one.name, 'send_32', 'per_second'):9,.0f} "
            f"{result.middle(one.name, 'list_32', 'cpu_ms'):12.4f} "
            f"{result.middle(one.name, 'send_1', 'p50_seconds') * 1000:15.3f}"
        )
    return lines
