"""Which points of a sweep a law may be fitted to, and what has to be said beside the curve.

A point whose search never met a limit of the services, or met the generator's, is censored: the capacity is
that or more. Taken as exact it bends the curve down, and the generator's limit reads as contention.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.scaling.points import Point
from lab.scaling.usl import LEAST_POINTS

DO = (
    "Smaller --values, a stricter --slo-ms or a --mix that costs the services more fail before the generator "
    "does and before the highest rate that is tried; where it was late on a machine that was not full, "
    "measure again while nothing else runs"
)


@dataclass(frozen=True)
class LeftOut:
    """A point that the fit does not use. `held`: the capacity is that or more."""

    value: str
    held: float
    why: str

    def sentence(self) -> str:
        return f"left out of the fit: {self.value} (held {self.held:,.0f}/s), {self.why}"


@dataclass(frozen=True)
class Fitted:
    """The points for a fit, and those that it leaves out."""

    points: Sequence[Point]
    left_out: Sequence[LeftOut]

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """(n, rate that held) of each point."""
        return [(float(one.value), one.bracket.passes) for one in self.points]

    @property
    def too_few(self) -> str:
        """Why there can be no curve without the points that are left out, and what to do; '' elsewhere."""
        remain = len({one.value for one in self.points})
        if not self.left_out or remain >= LEAST_POINTS:
            return ""
        return f"{remain} different n remain of {LEAST_POINTS} that the law needs. {DO}"

    @property
    def shared(self) -> str:
        """Whose the contention is, where points failed on a full machine; '' elsewhere."""
        full = sum(one.bracket.machine_full for one in self.points)
        if not full:
            return ""
        return (
            f"{full} of {len(self.points)} searches ended with the machine full: generator and services "
            "share it, and contention and coherency are theirs together"
        )

    def left_out_as_json(self) -> list[dict[str, Any]]:
        """Builtins for a file."""
        return [asdict(one) for one in self.left_out]


def fitted(points: Sequence[Point]) -> Fitted:
    """Part them."""
    return Fitted(
        [one for one in points if not one.bracket.censored],
        [LeftOut(one.value, one.bracket.passes, why) for one in points if (why := one.bracket.censored)],
    )
