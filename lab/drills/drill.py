"""What a drill shows, and how drills are found."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from lab.errors import UsageError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Shown:
    """One figure with the mistake and without it, and further rows (name, with, without)."""

    figure: str
    unit: str
    harm: float
    cure: float
    rows: list[tuple[str, str, str]] = field(default_factory=list)


class Drill(Protocol):
    """A module of this package with a page (`__doc__`) and a show.

    `show` is given how to tell what is being done, and an empty folder for run folders.
    """

    __doc__: str | None
    show: Callable[[Tell, Path], Shown]


@cache
def drills() -> dict[str, Drill]:
    """Every drill by its name."""
    package = importlib.import_module("lab.drills")
    found: dict[str, Drill] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        loaded = importlib.import_module(f"lab.drills.{module.name}")
        if hasattr(loaded, "show"):
            found[module.name] = loaded
    return found


def drill_named(name: str) -> Drill:
    """The drill of a name (dashes and underscores are the same). Raises UsageError."""
    wanted = name.replace("-", "_").lower()
    if wanted not in drills():
        raise UsageError(f"drill '{name}' is unknown: expected one of {', '.join(drills())}")
    return drills()[wanted]
