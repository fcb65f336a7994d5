"""What a lie shows (two figures for the same server in the same minute), and what makes a module one."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab import showcase
from lab.showcase import Row, Tell

__all__ = ["Lie", "Tell", "Told", "lies"]


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
    rows: list[Row] = field(default_factory=list)


class Lie(Protocol):
    """A page (`__doc__`) and a show.

    `show` takes how to tell what is being done, and a scale of the seconds it takes (1: as shown).
    """

    __doc__: str | None
    show: Callable[[Tell, float], Coroutine[Any, Any, Told]]


def lies() -> dict[str, Lie]:
    """Every lie by its name."""
    return showcase.modules("lab.lies")
