"""From a measured capacity to users, machines and cost. Pure; every assumption is a field and is printed.

users = capacity x target utilisation x 86,400 / (peak factor x actions a user and day)

The capacity is a bracket, so that all that follows is one too: its lower end is what was seen to hold, its
upper end what was seen to fail, and infinite where nothing of the stack was seen to fail. Print has two
digits: repeats of a search differ in the second one at least.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab.scaling.capacity import Bracket

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured. `peak_factor`: the busiest second against the mean of the day.

    `write_bound`: actions/s that one PostgreSQL takes before it is the limit (0: not measured).
    """

    actions_per_user_day: float = 40.0
    peak_factor: float = 3.0
    utilisation: float = 0.7
    price_per_machine_hour: float = 0.05
    currency: str = "USD"
    write_bound: float = 0.0

    def lines(self) -> list[tuple[str, str, str]]:
        """(name, value, option that changes it), for print."""
        bound = f"{self.write_bound:,.0f}/s" if self.write_bound else "not measured"
        return [
            ("actions a user and day", f"{self.actions_per_user_day:g}", "--actions"),
            ("peak against mean", f"{self.peak_factor:g}", "--peak"),
            ("load kept below", f"{self.utilisation:.0%} of the capacity", "--utilisation"),
            ("price of a machine hour", f"{self.price_per_machine_hour:g} {self.currency}", "--price"),
            ("what one database holds", bound, "--write-bound"),
        ]


@dataclass(frozen=True)
class Range:
    """A figure with what bounds it. Its words have two digits, rounded outwards."""

    low: float
    high: float

    def __str__(self) -> str:
        low = at_least(self.low)
        if math.isinf(self.high):
            return f"{low} or more"
        high = at_most(self.high)
        return f"{low} to {high}" if high != low else low

    def times(self, factor: float) -> "Range":
        """Both ends, multiplied."""
        return Range(self.low * factor, self.high * factor)


def about(value: float) -> str:
    """A rate in words, to two digits."""
    return _words(_digits(value, round))


def at_least(value: float) -> str:
    """A rate that was held, to two digits as in a Range: what is promised must have been seen."""
    return _words(_digits(value, math.floor))


def at_most(value: float) -> str:
    """A rate that failed, to two digits as in a Range."""
    return _words(_digits(value, math.ceil))


def _digits(value: float, whole: Callable[[float], int]) -> float:
    """To two digits, and to whole numbers at most."""
    if value <= 0:
        return 0.0
    step = 10.0 ** max(0, math.floor(math.log10(value)) - 1)
    return whole(round(value / step, 9)) * step


def _words(value: float) -> str:
    return f"{value:,.0f}"


def capacity(bracket: Bracket) -> Range:
    """What the stack does at least, and at most. Raises ValueError when nothing held.

    A rate at which the generator was the limit says nothing about the most.
    """
    if not bracket.passes > 0:
        raise ValueError("no rate held the SLO: there is nothing to plan with")
    return Range(bracket.passes, math.inf if bracket.generator_bound else bracket.fails)


def over(brackets: Iterable[Bracket]) -> Range:
    """What several searches of the same found: from the lowest that held to the highest that failed."""
    found = [capacity(one) for one in brackets]
    return Range(min(one.low for one in found), max(one.high for one in found))


@dataclass(frozen=True)
class Sizing:
    """Of one machine (or stack) as measured: users a day, peak rate, cost per million actions."""

    users: Range
    peak_rate: Range
    cost_per_million: Range


def size(carries: Range, given: Assumptions) -> Sizing:
    """What a stack with this capacity carries."""
    peak = carries.times(given.utilisation)
    mean = peak.times(1 / given.peak_factor)
    dearest, cheapest = (
        given.price_per_machine_hour / (rate * 3_600) * 1e6 for rate in (mean.low, mean.high)
    )
    return Sizing(mean.times(DAY_SECONDS / given.actions_per_user_day), peak, Range(cheapest, dearest))


def needed_peak_rate(users: float, given: Assumptions) -> float:
    """Actions per second in the busiest second."""
    return users * given.actions_per_user_day / DAY_SECONDS * given.peak_factor


def machines(users: float, carries: Range, given: Assumptions) -> Range:
    """Machines for that many users, if they shared the work perfectly."""
    usable, need = carries.times(given.utilisation), needed_peak_rate(users, given)
    return Range(max(1, math.ceil(need / usable.high)), math.ceil(need / usable.low))


def cost(users: float, count: Range, given: Assumptions) -> tuple[Range, Range]:
    """What so many machines cost an hour, and for a million actions of so many users."""
    an_hour = count.times(given.price_per_machine_hour)
    return an_hour, an_hour.times(24e6 / (users * given.actions_per_user_day))


ONE_PROCESS = "one process"


@dataclass(frozen=True)
class Stage:
    """A shape of the system, and why it is the one to be in."""

    name: str
    reason: str


def stage(users: float, single: Range | None, machine: Range | None, given: Assumptions) -> Stage:
    """The smallest shape that was seen to carry the users, and whether a smaller one may.

    single: what one process carries. machine: several processes on one machine. None: not measured.
    """
    need = needed_peak_rate(users, given)
    wanted, share = f"{about(need)}/s at the peak", f"{given.utilisation:.0%}"
    if single and need <= single.low * given.utilisation:
        held = f"{share} of the {at_least(single.low)}/s that one process held"
        return Stage(ONE_PROCESS, f"{wanted} is under {held}")
    one_process = _smaller("one process", single, need, given)
    if machine and need <= machine.low * given.utilisation:
        held = f"{share} of the {at_least(machine.low)}/s that one machine held"
        return Stage("one machine, several processes", f"{wanted} is under {held}; {one_process}")
    if not machine:
        unknown = "what one machine carries with several was not measured"
        return Stage("several processes", f"{wanted}: {one_process}; {unknown}")
    one_machine = _smaller("one machine", machine, need, given)
    if given.write_bound and need > given.write_bound * given.utilisation:
        bound = f"{share} of the {at_least(given.write_bound)}/s that one database holds"
        return Stage("sharded", f"{wanted} is above {bound}; {one_machine}")
    known = (
        "" if given.write_bound else "; from where on one database is the limit nobody said (--write-bound)"
    )
    reason = f"{wanted} needs {machines(users, machine, given)} machines; {one_machine}{known}"
    return Stage("split over machines, one database", reason)


def _smaller(name: str, carries: Range | None, need: float, given: Assumptions) -> str:
    """Why a shape that was not seen to carry it is not the one: it cannot, or that is not known."""
    if not carries:
        return f"whether {name} is enough was not measured"
    if need <= carries.high * given.utilisation:
        failed = "nothing of it" if math.isinf(carries.high) else f"{at_most(carries.high)}/s"
        return f"{name} may be enough: it held {at_least(carries.low)}/s, and {failed} was seen to fail"
    share = f"{given.utilisation:.0%} of the {at_most(carries.high)}/s at which it failed"
    return f"{name} is not enough: {share} is less"
