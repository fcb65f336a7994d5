"""Which value of a sweep carries most, as far as its searches tell the values from one another.

`lab sweep` and the notebook say the same by it. Searches of one value differ by tens of per cent: whoever
takes the best of all searches names the luckiest. So a value counts with all its searches, from the lowest
rate that one held to the highest that one failed, and values that overlap are not told apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.scaling.capacity import Bracket
from lab.scaling.points import Point

GRID = 1 + 1e-9  # one value's failed rate is the next one's held rate, but for the last bit: no overlap
PROCESSES = ("uvicorn_workers", "websocket_instances")  # levers whose values count them
ONCE = (
    "two searches of one value may differ as much, and which carries more is open. "
    "To decide it: `--repeats 3`."
)


@dataclass(frozen=True)
class Carried:
    """The searches of one value, the lowest first."""

    value: str
    points: Sequence[Point]

    @property
    def brackets(self) -> list[Bracket]:
        return [one.bracket for one in self.points]

    @property
    def low(self) -> float:
        """The lowest rate that ended a search as held."""
        return self.points[0].bracket.passes

    @property
    def high(self) -> float:
        """The highest rate that ended a search as failed."""
        return max(one.fails for one in self.brackets)

    @property
    def middle(self) -> Point:
        """The median by what held; of two the lower."""
        return self.points[(len(self.points) - 1) // 2]

    @property
    def censored(self) -> str:
        """Why it may carry more than its searches say; '' where they all met its own limit."""
        return next((one.censored for one in self.brackets if one.censored), "")

    def words(self) -> str:
        return f"{self.value} ({self.low:,.0f} to {self.high:,.0f}/s)"


def by_value(values: Iterable[str], points: Iterable[Point]) -> list[Carried]:
    """In the order of the values; one without a point is left out."""
    known = list(points)
    found = []
    for value in values:
        own = [one for one in known if one.value == value]
        if own:
            found.append(Carried(value, sorted(own, key=lambda one: one.bracket.passes)))
    return found


def doubt(found: Sequence[Carried]) -> str:
    """Why nothing can be said about which carries most, in a sentence; '' where something can."""
    unknown = [f"with {one.value} {one.censored}" for one in found if one.censored]
    if unknown:
        return f"{'; '.join(unknown)}: where the capacity is, and so which carries most, is not known."
    if not any(one.middle.bracket.passes for one in found):
        return "no rate held with any value."
    if len(found) > 1 and min(len(one.points) for one in found) < 2:
        held = ", ".join(f"{one.value} {one.middle.bracket.passes:,.0f}/s" for one in found)
        return f"held: {held}; {ONCE}"
    return ""


def most(found: Sequence[Carried]) -> list[Carried]:
    """Those of which it is not shown that they carry less than the best, itself among them."""
    best = _best(found)
    return [one for one in found if one is best or one.high > best.low * GRID]


def sentence(found: Sequence[Carried]) -> str:
    """Which value carried most, or why that is open."""
    if words := doubt(found):
        return words
    first = most(found)
    if len(found) == 1:
        count = len(first[0].points)
        carries = f"{first[0].low:,.0f} to {first[0].high:,.0f}/s"
        return f"{first[0].value} carries {carries}, by {f'{count} searches' if count > 1 else 'one search'}."
    told = " and ".join(one.words() for one in first)
    if len(first) > 1:
        return (
            f"the most was carried with {told}, from the lowest rate held to the highest failed: they "
            "overlap, and which carries more is open. "
            "To decide it: more searches of each value (`--repeats`)."
        )
    beside = f"; the next is {_best([one for one in found if one not in first]).words()}"
    values = [one.value for one in found]
    last = numeric(values) and first[0].value == max(values, key=float)
    untried = f" More than {first[0].value} was not tried." if last else ""
    return f"the most was carried with {told}{beside}.{untried}"


def beyond_cores(lever: str, value: str, machine: Mapping[str, Any]) -> str:
    """What a row has to say whose value is more processes than the machine has cores; '' elsewhere."""
    cores = machine.get("cores")
    if lever not in PROCESSES or not cores or float(value) <= cores:
        return ""
    return f"more than the {cores} cores"


def numeric(values: Sequence[str]) -> bool:
    """Whether the values are numbers, so that there is more and less of them."""
    return all(value.replace(".", "", 1).isdigit() for value in values)


def _best(found: Sequence[Carried]) -> Carried:
    return max(found, key=lambda one: one.middle.bracket.passes)
