"""What a lie shows: two figures for the same server in the same minute, and why they differ."""

import importlib
import pkgutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from lab.errors import UsageError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """`lie` and `truth` are figures of one kind, in `unit`. `rows`: more of them, (name, lie, truth).

    `how_lied` and `how_true` say in a few words how each was come by.
    """

    figure: str
    unit: str
    lie: float
    truth: float
    how_lied: str
    how_true: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)


class Lie(Protocol):
    """A module of this package with a page (`__doc__`) and a show.

    `show` takes how to tell what is being done, and a scale of the seconds it takes (1: as shown).
    """

    __doc__: str | None
    show: Callable[[Tell, float], Coroutine[Any, Any, Told]]


@cache
def lies() -> dict[str, Lie]:
    """Every lie by its name."""
    package = importlib.import_module("lab.lies")
    found: dict[str, Lie] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        loaded = importlib.import_module(f"lab.lies.{module.name}")
        if hasattr(loaded, "show"):
            found[module.name] = loaded
    return found


def lie_named(name: str) -> Lie:
    """The lie of a name (dashes and underscores are the same). Raises UsageError."""
    wanted = name.replace("-", "_").lower()
    if wanted not in lies():
        raise UsageError(f"lie '{name}' is unknown: expected one of {', '.join(lies())}")
    return lies()[wanted]
