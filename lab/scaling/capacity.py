"""Finds the highest rate that holds the SLO, as a bracket [passes, fails]. Knows no stack.

A single number would claim more than a search can know: the truth lies between a rate that was seen to
pass and one that was seen to fail.
"""

import math
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lab.pressure import MOST_OF_OTHERS

GROWTH = 1.6  # from one rate to the next while nothing fails yet
RESOLUTION = 1.1  # stop when the failing rate is at most 10 % above the passing one
MOST_ATTEMPTS = 24
LISTENING_DEVICES = 100  # during an attempt
ENOUGH_TRIES = 5  # of one rate, where they do not agree
GENERATOR_CORE = 0.9  # as the guard of a run: more cannot be told from a slow server
GENERATOR_LATE_SECONDS = 0.02  # p99; then it waited for a core like everything else
MOST_SPARED = 12  # tries that failed beside others and are made again; then they count
FULL = 0.9  # of the machine; then no process need be near its own limit, and the machine is it


@dataclass(frozen=True)
class Slo:
    """What a rate must hold to pass. The latency counts from the intended send, failures included."""

    p99_seconds: float = 0.1
    least_achieved: float = 0.99
    most_errors: float = 0.001


@dataclass(frozen=True)
class Attempt:
    """What one rate gave. `busiest` names what is nearest to its limit, with its share of what it may use.

    `latency` says whose the times are: the answers', or the deliveries'. `achieved` is the share that was
    answered well, `errors` the share that failed, or was not delivered. `broken`: what else was not kept
    (messages lost, answers that came too late), in words.
    """

    rate: float
    p99_seconds: float
    achieved: float
    errors: float
    lag_p99_seconds: float = 0.0
    busiest: str = ""
    busiest_share: float = 0.0
    p50_seconds: float = math.nan
    latency: str = "p99"
    machine_share: float = 0.0  # of the whole machine, by all programs; 0: not known
    generator_share: float = 0.0  # of its core, by the generator's busiest process
    broken: str = ""
    others_cores: float = math.nan  # used by other programs meanwhile; not finite: not known

    def disturbed(self, slo: Slo) -> bool:
        """It failed, and others used so much of the machine meanwhile that the failure may be theirs."""
        return MOST_OF_OTHERS < self.others_cores < math.inf and bool(self.failure(slo))

    @property
    def generator_late(self) -> bool:
        """Of the latency a part is the generator's own."""
        return self.lag_p99_seconds > GENERATOR_LATE_SECONDS

    def failure(self, slo: Slo) -> str:
        """Why it does not hold the SLO; '' when it does."""
        if self.errors > slo.most_errors:
            return f"{self.errors:.2%} errors, {slo.most_errors:.2%} are allowed"
        if self.achieved < slo.least_achieved:
            return f"achieved {self.achieved:.1%} of the offered rate, {slo.least_achieved:.0%} is the least"
        if self.broken:
            return self.broken
        if self.generator_share > GENERATOR_CORE:
            return f"a generator process used {self.generator_share:.0%} of its core"
        if not self.p99_seconds <= slo.p99_seconds:
            return (
                f"{self.latency} {self.p99_seconds * 1000:.0f} ms, the SLO is {slo.p99_seconds * 1000:.0f} ms"
            )
        return ""

    def of_generator(self, slo: Slo) -> str:
        """Why a failure may be the generator's alone, in words; '' where the services or the machine failed.

        On a full machine the generator is late like everything else, and the failure is the machine's.
        """
        if not self.failure(slo):
            return ""
        if self.generator_share > GENERATOR_CORE:
            return f"the generator used {self.generator_share:.0%} of its core at {self.rate:,.0f}/s"
        if self.generator_late and not self.machine_share > FULL:
            used = (
                f"{self.machine_share:.0%} of the machine was"
                if self.machine_share
                else "nobody knows what was"
            )
            late = f"{self.lag_p99_seconds * 1000:.0f} ms"
            return f"the generator was {late} late at {self.rate:,.0f}/s, while {used} in use"
        return ""

    def outcome(self, slo: Slo) -> str:
        """What became of it, in words for a line of progress."""
        beside = f", while others used {self.others_cores:.1f} cores" if self.disturbed(slo) else ""
        return f"{self.failure(slo) or f'held, {self.latency} {self.p99_seconds * 1000:.0f} ms'}{beside}"

    def limit(self) -> str:
        """What was nearest to its limit, in words; '' where that is not known."""
        if self.generator_share > GENERATOR_CORE:
            return f"the generator ({self.generator_share:.0%} of its core)"
        if self.generator_late:
            late = f"{self.lag_p99_seconds * 1000:.0f} ms"
            return f"the machine ({self.machine_share:.0%} in use; the generator was {late} late itself)"
        if self.machine_share > FULL:
            return f"the machine ({self.machine_share:.0%} in use)"
        return f"{self.busiest} at {self.busiest_share:.0%} of what it may use" if self.busiest else ""


@dataclass(frozen=True)
class Bracket:
    """`passes`: the highest rate seen to hold (0: none did); `fails`: the lowest that did not (inf: none).

    `bottleneck` is what was nearest to its limit at the failing rate. `generator_bound`: the generator was
    late or full at the rate that failed, so that the service may well do more. `spared`: how many tries
    failed beside others, were made again and are not among `attempts`.
    """

    passes: float
    fails: float
    slo: Slo
    attempts: Sequence[Attempt] = field(default_factory=tuple)
    why: str = ""
    bottleneck: str = ""
    generator_bound: bool = False
    spared: int = 0

    def sentence(self) -> str:
        """The bracket in words."""
        tries = "try" if self.spared == 1 else "tries"
        again = f"; {self.spared} {tries} that failed beside other programs made again" if self.spared else ""
        return self._between() + again

    def _between(self) -> str:
        if self.passes == 0:
            return f"not even {self.fails:,.0f}/s held: {self.why}"
        if math.isinf(self.fails):
            return f"capacity not reached: nothing failed up to {self.passes:,.0f}/s, the highest tried"
        return (
            f"between {self.passes:,.0f}/s ({self._tries(self.passes, 'held')}) and {self.fails:,.0f}/s "
            f"({self._tries(self.fails, 'failed')}: {self.why}); busiest: {self.limit}{self._early()}"
        )

    @property
    def ended_early(self) -> bool:
        """Whether the search had to end before both of its ends were tried again."""
        tried = [sum(one.rate == rate for one in self.attempts) for rate in (self.passes, self.fails)]
        return len(self.attempts) >= MOST_ATTEMPTS and (tried[0] < 2 or tried[1] < 3)

    def _early(self) -> str:
        words = f"; ended after {len(self.attempts)} tries, before both ends were tried again"
        return words if self.ended_early else ""

    def _tries(self, rate: float, word: str) -> str:
        """How often a rate held; `word` where all tries say the same."""
        held = [not one.failure(self.slo) for one in self.attempts if one.rate == rate]
        return f"held in {held.count(True)} of {len(held)} tries" if len(set(held)) > 1 else word

    @property
    def limit(self) -> str:
        """What stood in the way of more. Of the attempts where they are kept: older words knew no machine."""
        failed = [one.limit() for one in self.attempts if one.rate == self.fails and one.failure(self.slo)]
        return (failed[-1] if failed else self.bottleneck) or "unknown"

    @property
    def censored(self) -> str:
        """Why the capacity may lie above `fails`, in words; '' where the services or the machine set it.

        A failure that may be the generator's alone matters where the rate would have held without it.
        """
        if math.isinf(self.fails):
            return f"no rate failed up to {self.passes:,.0f}/s"
        tried = [one for one in self.attempts if one.rate == self.fails]
        if not tried:
            return "the generator was late or full" if self.generator_bound else ""
        failed = [one for one in tried if one.failure(self.slo)]
        of_generator = [words for one in failed if (words := one.of_generator(self.slo))]
        own = len(failed) - len(of_generator)
        return of_generator[-1] if of_generator and own * 2 < len(tried) else ""

    @property
    def machine_full(self) -> bool:
        """Whether a try failed there with the machine full: services and generator had to share it."""
        return any(
            one.rate == self.fails and one.machine_share > FULL and one.failure(self.slo)
            for one in self.attempts
        )

    @property
    def others_cores(self) -> float | None:
        """What other programs used, in the mean of the attempts; None where nobody counted it."""
        known = [one.others_cores for one in self.attempts if math.isfinite(one.others_cores)]
        return statistics.fmean(known) if known else None

    def roomy(self, share: float) -> float:
        """The highest rate that held while all programs together used less than this share of the machine.

        0 when there was none; infinite when it is not known how full the machine was.
        """
        held = [one for one in self.attempts if not one.failure(self.slo)]
        if not any(one.machine_share for one in held):
            return math.inf
        return max((one.rate for one in held if one.machine_share < share), default=0.0)


def bracket_as_json(bracket: Bracket) -> dict[str, Any]:
    """Builtins for a file, with every attempt; JSON has no infinity, so that what is not finite is None."""
    raw = asdict(bracket)
    for one in (raw, *raw["attempts"]):
        for name, value in one.items():
            if isinstance(value, float) and not math.isfinite(value):
                one[name] = None
    return raw


Try = Callable[[float], Awaitable[Attempt]]


async def search(
    attempt: Try, start: float, slo: Slo, *, most: float = math.inf, resolution: float = RESOLUTION
) -> Bracket:
    """Grow the rate until it fails, then halve the bracket (geometrically) down to `resolution`.

    A rate does what it did in most of its tries: one that fails is tried again, and where tries do not
    agree there are up to five. On a shared machine one bad second proves nothing. Ten bad seconds would
    prove nothing either, so both ends of the narrow bracket are tried again, later; an end that then does
    mostly the other thing is moved, and the search goes on. A try that failed while others used the machine
    says nothing and is made again.
    """
    spared = 0
    made: list[Attempt] = []
    tries: dict[float, list[bool]] = {}  # rate -> whether it held, each time it was tried
    holds: dict[float, bool] = {}

    async def look(rate: float) -> bool:
        """Try it until most tries say the same. Tells whether it does what it did before."""
        nonlocal spared
        before = holds.get(rate)
        found = tries.setdefault(rate, [])
        while True:
            tried = await attempt(rate)
            if tried.disturbed(slo) and spared < MOST_SPARED:
                spared += 1
                continue
            made.append(tried)
            found.append(not tried.failure(slo))
            if _settled(found):
                break
        holds[rate] = _mostly(found)
        return holds[rate] is before

    rate = min(start, most)
    await look(rate)
    while len(made) < MOST_ATTEMPTS:
        passes, fails = _ends(holds)
        if passes >= most or (not passes and rate <= start / 64):
            break
        if passes and fails / passes <= resolution:
            # No rate between the two, even after an end moved: it would only be narrower, not surer.
            if await look(fails) and await look(passes):
                break
            continue
        rate = _next(passes, fails, most)
        await look(rate)
    passes, fails = _ends(holds)
    broken = next((one for one in reversed(made) if one.rate == fails and one.failure(slo)), None)
    return Bracket(
        passes,
        fails,
        slo,
        tuple(made),
        broken.failure(slo) if broken else "",
        broken.limit() if broken else "",
        bool(broken and (broken.generator_late or broken.generator_share > GENERATOR_CORE)),
        spared,
    )


def _mostly(tries: Sequence[bool]) -> bool:
    return tries.count(True) * 2 > len(tries)


def _settled(tries: Sequence[bool]) -> bool:
    """Whether no more tries are needed: all alike (a failed one is tried twice), two apart, or enough."""
    held, failed = tries.count(True), tries.count(False)
    if len(tries) >= ENOUGH_TRIES:
        return held != failed
    return failed != 1 if not held else not failed or abs(held - failed) > 1


def _ends(holds: Mapping[float, bool]) -> tuple[float, float]:
    """The highest rate below which all held (0: none did), and the lowest that did not (inf: none)."""
    fails = min((rate for rate, held in holds.items() if not held), default=math.inf)
    return max((rate for rate, held in holds.items() if held and rate < fails), default=0.0), fails


def _next(passes: float, fails: float, most: float) -> float:
    if math.isinf(fails):
        return min(passes * GROWTH, most)
    if not passes:
        return fails / 2
    return math.sqrt(passes * fails)
