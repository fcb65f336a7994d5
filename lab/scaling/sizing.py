"""From a measured capacity to users, machines and cost. Pure; every assumption is a field and is printed.

users = capacity x target utilisation x 86,400 / (peak factor x actions a user and day)

The capacity is a bracket, so that users are one too: the lower end is what was seen to hold.
"""

import math
from dataclasses import dataclass

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured. `peak_factor`: the busiest second against the mean of the day."""

    actions_per_user_day: float = 40.0
    peak_factor: float = 3.0
    utilisation: float = 0.7
    price_per_machine_hour: float = 0.05
    currency: str = "USD"

    def lines(self) -> list[tuple[str, str, str]]:
        """(name, value, option that changes it), for print."""
        return [
            ("actions a user and day", f"{self.actions_per_user_day:g}", "--actions"),
            ("peak against mean", f"{self.peak_factor:g}", "--peak"),
            ("load kept below", f"{self.utilisation:.0%} of the capacity", "--utilisation"),
            ("price of a machine hour", f"{self.price_per_machine_hour:g} {self.currency}", "--price"),
        ]


@dataclass(frozen=True)
class Range:
    """A figure with what bounds it."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:,.0f} to {self.high:,.0f}" if self.high > self.low else f"{self.low:,.0f}"


@dataclass(frozen=True)
class Sizing:
    """Of one machine (or stack) as measured: users a day, mean rate, cost per million actions."""

    users: Range
    peak_rate: Range
    cost_per_million: Range


def size(passes: float, fails: float, given: Assumptions) -> Sizing:
    """What a stack with this capacity bracket carries. Raises ValueError when nothing held."""
    if not passes > 0:
        raise ValueError("no rate held the SLO: there is nothing to plan with")
    top = passes if math.isinf(fails) else fails
    peak = Range(passes * given.utilisation, top * given.utilisation)
    users = Range(_users(peak.low, given), _users(peak.high, given))
    actions_an_hour = Range(
        peak.low / given.peak_factor * 3_600,
        peak.high / given.peak_factor * 3_600,
    )
    cost = Range(
        given.price_per_machine_hour / actions_an_hour.high * 1e6,
        given.price_per_machine_hour / actions_an_hour.low * 1e6,
    )
    return Sizing(users, peak, cost)


def _users(peak_rate: float, given: Assumptions) -> float:
    return peak_rate / given.peak_factor * DAY_SECONDS / given.actions_per_user_day


def needed_peak_rate(users: float, given: Assumptions) -> float:
    """Actions per second in the busiest second."""
    return users * given.actions_per_user_day / DAY_SECONDS * given.peak_factor


def machines(users: float, passes: float, given: Assumptions) -> int:
    """Machines for that many users at the capacity that was seen to hold, if they shared perfectly."""
    return math.ceil(needed_peak_rate(users, given) / (passes * given.utilisation))


@dataclass(frozen=True)
class Stage:
    """A shape of the system, and why it is the one to be in."""

    name: str
    reason: str


def stage(users: float, single: float, machine: float, write_bound: float, given: Assumptions) -> Stage:
    """The smallest shape that carries the users. Capacities are rates that held the SLO.

    single: one process. machine: several processes on one machine. write_bound: what one PostgreSQL
    takes before it is the limit (0: not measured).
    """
    need = needed_peak_rate(users, given)
    limit = given.utilisation
    if need <= single * limit:
        return Stage(
            "one process",
            f"{need:,.0f}/s at the peak is under {limit:.0%} of the {single:,.0f}/s that one process held",
        )
    if need <= machine * limit:
        return Stage(
            "one machine, several processes",
            f"{need:,.0f}/s at the peak is above one process and under {limit:.0%} of the {machine:,.0f}/s "
            "that the machine held",
        )
    if not write_bound or need <= write_bound * limit:
        count = math.ceil(need / (machine * limit))
        known = "" if write_bound else "; when the database becomes the limit was not measured"
        return Stage(
            "split over machines, one database",
            f"{need:,.0f}/s at the peak needs {count} machines of {machine:,.0f}/s each{known}",
        )
    return Stage(
        "sharded",
        f"{need:,.0f}/s at the peak is above {limit:.0%} of the {write_bound:,.0f}/s that one database held",
    )
