"""From a question to a plan: which values, mode, part and rate, and why these."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.errors import UsageError
from lab.experiments.availability import availability, value_is_here
from lab.experiments.plan import QUICK_LOOKS, PullPlan
from lab.experiments.rig import StackRig
from lab.load.record import OWN_KINDS, Latency, RunRecord
from lab.scaling.capacity import Attempt, Bracket, Slo, search
from lab.trials.schedule import SIDES, Side
from lab.verdict import LOOKS
from levers.lever import Design, Lever
from levers.metrics import METRICS

TRIAL_SECONDS = 8.0
LONGEST_TRIAL_SECONDS = 30.0
ATTEMPT_SECONDS = 3.0
SHARE_OF_CAPACITY = 0.4
FIRST_RATE = 100.0
MOST_RATE = 4_000.0  # one generator process; above it the search would measure the generator

# Values that are another lever's: asked here, both sides would run with something else.
OF_ANOTHER = {("broker", "memory"): "is run mode single: lab pull run_mode --values single,multi"}
# Metrics of other commands: a search each value, or a kill.
ELSEWHERE = {"capacity": "lab sweep", "lost": "see lab faults for", "gap": "see lab faults for"}


@dataclass(frozen=True)
class Question:
    """What somebody asks. None: the lab chooses."""

    lever: Lever
    values: tuple[str, str]
    mode: str | None = None
    metric: str | None = None
    rate: float | None = None
    trial_seconds: float | None = None
    quick: bool = False
    seed: int = 1
    design: Design | None = None
    content_characters: int = 80


def chosen_values(lever: Lever, words: str | None) -> tuple[str, str]:
    """`a,b` as two known values that this machine can run; without words the first two of those."""
    state = availability(lever)
    if not state.ready:
        raise UsageError(f"{lever.name} cannot be pulled here: {state.reason}")
    if not words:
        usable = [value for value in lever.values if value not in state.without]
        if len(usable) < 2:
            raise UsageError(f"{lever.name} has only one value here: {state.reason}")
        return usable[0], usable[1]
    try:
        found = tuple(lever.check_value(word.strip()) for word in words.split(","))
    except ValueError as error:
        raise UsageError(str(error)) from None
    for value in found:
        if (lever.name, value) in OF_ANOTHER:
            raise UsageError(f"{lever.name}={value} {OF_ANOTHER[lever.name, value]}")
    missing = [value for value in found if not value_is_here(lever, value)]
    if missing:
        raise UsageError(f"{lever.name}={missing[0]} cannot run here: {state.reason}")
    if len(found) != 2 or found[0] == found[1]:
        raise UsageError(f"--values {words}: expected two different values, as {','.join(lever.values[:2])}")
    return found[0], found[1]


def drafted(question: Question) -> PullPlan:
    """The plan with all but the rate (0: to be found) and the length of the trials that follows from it."""
    lever = question.lever
    if question.metric and question.metric not in METRICS:
        raise UsageError(f"--metric {question.metric}: expected one of {', '.join(METRICS)}")
    metric = question.metric or lever.metric
    if metric in ELSEWHERE:
        others = ", ".join(name for name in lever.also if name not in ELSEWHERE)
        raise UsageError(
            f"{METRICS[metric].label} is not measured in trials: {ELSEWHERE[metric]} {lever.name}; "
            f"or name another metric: --metric {others}"
        )
    return PullPlan(
        lever=lever.name,
        values=question.values,
        mode=question.mode or mode_for(lever),
        design=design_for(question),
        metric=metric,
        also=tuple(name for name in (lever.metric, *lever.also) if name not in {metric, *ELSEWHERE}),
        part="backend" if "backend" in lever.processes else "websocket",
        mix=lever.mix,
        rate=question.rate or 0.0,
        trial_seconds=question.trial_seconds or TRIAL_SECONDS,
        warm_up_seconds=1.0,
        seed=question.seed,
        looks=QUICK_LOOKS if question.quick else LOOKS,
        content_characters=question.content_characters,
    )


def design_for(question: Question) -> Design:
    """The lever's design, or a slower one that was asked for: to see whether both say the same."""
    wanted, own = question.design, question.lever.design
    if wanted == "duet" and own != "duet":
        raise UsageError(f"{question.lever.name} changes what both sides share: --design {own} or restart")
    return wanted or own


def mode_for(lever: Lever) -> str:
    """The smallest mode that has the parts that the lever and all of its values need, asked for or not."""
    if "citus" in lever.needs:
        return "citus"
    parts = {*lever.needs, lever.extra_env.get("BROKER", ""), *lever.values}
    return "stack" if parts & {"rabbitmq", "haproxy", "citus"} and lever.name != "run_mode" else "multi"


def with_rate(plan: PullPlan, question: Question, brackets: Mapping[str, Bracket]) -> PullPlan:
    """The plan at 40 % of the lower capacity (or the asked rate), its trials long enough for its metric."""
    rate = question.rate or SHARE_OF_CAPACITY * min(one.passes for one in brackets.values())
    if rate < 1:
        raise UsageError("no rate held the SLO on both sides; give one: --rate")
    seconds = question.trial_seconds or seconds_for(plan, rate)
    return replace(plan, rate=float(f"{rate:.3g}"), trial_seconds=seconds)


def seconds_for(plan: PullPlan, rate: float) -> float:
    """How long a trial must be for the primary metric to have its samples, within limits."""
    each = rate / len(SIDES) if plan.design == "duet" else rate
    needed = METRICS[plan.metric].least_samples * 1.15 / each
    return float(min(LONGEST_TRIAL_SECONDS, max(TRIAL_SECONDS, math.ceil(needed))))


async def capacities(rig: StackRig, slo: Slo, sides: Sequence[Side] = ("a", "b")) -> dict[str, Bracket]:
    """The capacity of each side alone, by search."""
    found: dict[str, Bracket] = {}
    for side in sides:
        seeds = iter(range(900_000, 1_000_000))

        async def attempt(rate: float, side: Side = side, seeds: Any = seeds) -> Attempt:
            record = await rig.run([side], rate, ATTEMPT_SECONDS, next(seeds))
            return attempt_of(record, rig.plan.of.metric)

        found[side] = await search(attempt, FIRST_RATE, slo, most=MOST_RATE, resolution=1.25)
    return found


def attempt_of(record: RunRecord, metric: str = "p99") -> Attempt:
    """What the search needs of a run. Its latency is the answer's, or of a lever about deliveries theirs."""
    total, ledger = record.total, record.ledger
    errors = (total.sent - total.ok) / total.sent if total.sent else 1.0
    times: Latency | None = total.intended
    if delivery := metric.startswith("delivery"):
        times = total.delivery
        errors = max(errors, ledger.not_delivered / ledger.owed if ledger.owed else 1.0)
    services = [one for one in record.usage if one.kind not in OWN_KINDS]
    busiest = max(services, key=lambda one: one.cpu_seconds, default=None)
    return Attempt(
        rate=record.settings.rate,
        p99_seconds=times.p99 if times and times.p99 is not None else math.inf,
        achieved=total.sent / total.offered if total.offered else 0.0,
        errors=errors,
        lag_p99_seconds=total.lag.p99 or 0.0,
        busiest=busiest.name if busiest else "",
        busiest_share=busiest.cpu_seconds / record.measured_seconds if busiest else 0.0,
        p50_seconds=times.p50 if times and times.p50 is not None else math.nan,
        latency="delivery p99" if delivery else "p99",
    )


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
                    }
                    for attempt in one.attempts
                ],
            }
            for side, one in brackets.items()
        },
    }
