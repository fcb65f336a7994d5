"""What a drill shows, and what a module of this package must have to be one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab import showcase
from lab.showcase import Row, Tell

__all__ = ["Drill", "Shown", "Tell", "drills"]


@dataclass(frozen=True)
class Shown:
    """One figure with the mistake and without it, and further rows (name, with, without)."""

    figure: str
    unit: str
    harm: float
    cure: float
    rows: list[Row] = field(default_factory=list)


class Drill(Protocol):
    """A page (`__doc__`: the mistake, the harm, the cure) and a show.

    `show` is given how to tell what is being done, and an empty folder for run folders.
    """

    __doc__: str | None
    show: Callable[[Tell, Path], Shown]


def drills() -> dict[str, Drill]:
    """Every drill by its name."""
    return showcase.modules("lab.drills")
