"""What a benchmark found: figures of each contender round by round."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from lab.statistics import Effect, effect_of, log_ratios

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
