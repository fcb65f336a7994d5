"""How much each side of a pull carries, and the rate of its trials that follows from it."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.errors import UsageError
from lab.experiments.rig import StackRig
from lab.experiments.session import MOST_OF_THE_MACHINE
from lab.experiments.unfinished import Tries
from lab.load.record import Latency, RunRecord
from lab.scaling.capacity import GROWTH, Attempt, Bracket, Slo, search
from lab.trials.schedule import Side

ATTEMPT_SECONDS = 3.0
SHARE_OF_CAPACITY = 0.4
FIRST_RATE = 400.0  # a search goes down from it as well
MOST_RATE = 20_000.0
# A step of the growth, and no more: the search is for the rate of the trials. `lab capacity` looks closer.
RESOLUTION = 1.01 * GROWTH
# Guards that the SLO has a limit of its own for, or that make a rate fail by themselves: a late generator
# only adds to the latency, which counts from the intended send.
JUDGED_BY_THE_SLO = {"errors", "generator CPU", "generator lag"}


def rate_for(brackets: Mapping[str, Bracket]) -> tuple[float, str]:
    """The rate of the trials and why: 40 % of the lower capacity, less where that fills the machine.

    Raises UsageError when there is none.
    """
    rate = SHARE_OF_CAPACITY * min(one.passes for one in brackets.values())
    if rate < 1:
        raise UsageError("no rate held the SLO on both sides; give one: --rate")
    reached = any(math.isfinite(one.fails) for one in brackets.values())
    why = f"{SHARE_OF_CAPACITY:.0%} of the lower capacity"
    if not reached:
        why = f"{SHARE_OF_CAPACITY:.0%} of the highest rate that was tried: capacity not reached"
    roomy = [one.roomy(MOST_OF_THE_MACHINE) for one in brackets.values()]
    if min(roomy) == 0:
        return rate, f"{why}; the machine was more than {MOST_OF_THE_MACHINE:.0%} in use at any rate"
    if min(roomy) < rate:
        return min(roomy), f"more than {MOST_OF_THE_MACHINE:.0%} of the machine was in use above it"
    return rate, why


async def capacities(
    rig: StackRig,
    slo: Slo,
    tell: Callable[[str], None],
    tries: Tries,
    sides: Sequence[Side] = ("a", "b"),
) -> dict[str, Bracket]:
    """The capacity of each side alone, by search; every rate that is tried is told and written down.

    What `tries` already has is of a search that was interrupted, and is not made again.
    """
    found: dict[str, Bracket] = {}
    made = tries.made()
    tries.begin(made)
    kept = {side: deque(one for of, one in made if of == side) for side in sides}
    for side in sides:
        seeds = iter(range(900_000, 1_000_000))

        async def attempt(rate: float, side: Side = side, seeds: Any = seeds) -> Attempt:
            seed = next(seeds)
            if kept[side]:
                return kept[side].popleft()
            record = await rig.run([side], rate, ATTEMPT_SECONDS, seed)
            tried = attempt_of(record, rig.plan.of.metric)
            tell(f"capacity: {rig.plan.value_of(side)} at {rate:,.0f}/s: {tried.outcome(slo)}")
            tries.add(side, tried)
            return tried

        found[side] = await search(attempt, FIRST_RATE, slo, most=MOST_RATE, resolution=RESOLUTION)
    return found


def attempt_of(record: RunRecord, metric: str = "p99") -> Attempt:
    """What the search needs of a run. Its latency is the answer's, or of a lever about deliveries theirs."""
    total, ledger = record.total, record.ledger
    broken = [one for one in record.guards if not one.ok and one.name not in JUDGED_BY_THE_SLO]
    errors = (total.sent - total.ok) / total.sent if total.sent else 1.0
    times: Latency | None = total.intended
    if delivery := metric.startswith("delivery"):
        times = total.delivery
        errors = max(errors, ledger.not_delivered / ledger.owed if ledger.owed else 1.0)
    busiest, share = record.busiest or ("", 0.0)
    return Attempt(
        rate=record.settings.rate,
        p99_seconds=times.p99 if times and times.p99 is not None else math.inf,
        achieved=total.ok / total.offered if total.offered else 0.0,
        errors=errors,
        lag_p99_seconds=total.lag.p99 or 0.0,
        machine_share=record.machine_share,
        generator_share=_generator_share(record),
        busiest=busiest,
        busiest_share=share,
        p50_seconds=times.p50 if times and times.p50 is not None else math.nan,
        latency="delivery p99" if delivery else "p99",
        others_cores=record.pressure.cores_of_others if record.pressure else math.nan,
        broken=f"{broken[0].name}: {broken[0].seen}" if broken else "",
    )


def _generator_share(record: RunRecord) -> float:
    """Of its core, by the generator's busiest process."""
    used = [one.cpu_seconds for one in record.usage if one.kind == "generator"]
    return max(used, default=0.0) / record.measured_seconds if record.measured_seconds else 0.0


def as_json(brackets: Mapping[str, Bracket], slo: Slo) -> dict[str, Any]:
    """The searches for the result file."""
    return {
        "slo_p99_seconds": slo.p99_seconds,
        **{
            side: {
                "passes": one.passes,
                "fails": one.fails if math.isfinite(one.fails) else None,
                "sentence": one.sentence(),
                "attempts": [
                    {
                        "rate": attempt.rate,
                        "p99_seconds": attempt.p99_seconds if math.isfinite(attempt.p99_seconds) else None,
                        "held": not attempt.failure(slo),
                        "busiest": attempt.busiest,
                        "busiest_share": attempt.busiest_share,
                        "machine_share": attempt.machine_share,
                    }
                    for attempt in one.attempts
                ],
            }
            for side, one in brackets.items()
        },
    }
