"""From a question to a plan: which values, mode, part and length of trials, and why these."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lab.errors import UsageError
from lab.experiments.availability import availability, value_is_here
from lab.experiments.plan import PullPlan
from lab.load.plan import MIXES
from lab.stack.modes import MODES
from lab.trials.schedule import RENEW_EVERY, SIDES
from lab.verdict import LOOKS
from levers.catalogue import catalogue
from levers.lever import Design, Lever
from levers.metrics import METRICS

TRIAL_SECONDS = 4.0
WARM_UP_SECONDS = 1.0
LONGEST_TRIAL_SECONDS = 30.0  # that the lab chooses by itself
DEVICES = 1.5  # that receive a message, or more: those of sender and receiver that listen

# Values that are another lever's: asked here, both sides would run with something else.
OF_ANOTHER = {("broker", "memory"): "is run mode single: lab pull run_mode --values single,multi"}
# Metrics of other commands: a search each value, or a kill.
ELSEWHERE = {
    "capacity": "lab sweep {lever}",
    "lost": "lab faults kills the part and counts (lab faults --list)",
    "gap": "lab faults kills the part and counts (lab faults --list)",
}


@dataclass(frozen=True)
class Question:
    """What somebody asks. None: the lab chooses."""

    lever: Lever
    values: tuple[str, str]
    mode: str | None = None
    metric: str | None = None
    rate: float | None = None
    trial_seconds: float | None = None
    rounds: int | None = None  # so many and one look; None: looks after 12, 20 and 30
    seed: int = 1
    design: Design | None = None
    content_characters: int = 80
    warm_up_seconds: float = WARM_UP_SECONDS
    mix: str | None = None
    held: Mapping[str, str] = field(default_factory=dict)  # what both sides run with besides, by name


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
            f"{METRICS[metric].label} is not measured in trials: "
            f"{ELSEWHERE[metric].format(lever=lever.name)}; or name another metric: --metric {others}"
        )
    mix = mix_of(lever, question.mix)
    if metric.startswith("delivery") and "send" not in MIXES[mix][0]:
        raise UsageError(f"--mix {mix}: {METRICS[metric].label} is asked for, and nothing is sent")
    refuse_held(lever, question.held)
    plan = PullPlan(
        lever=lever.name,
        values=question.values,
        mode=mode_of(lever, question.mode, question.held),
        design=design_for(question),
        metric=metric,
        also=tuple(name for name in (lever.metric, *lever.also) if name not in {metric, *ELSEWHERE}),
        part="backend" if "backend" in lever.processes else "websocket",
        mix=mix,
        rate=question.rate or 0.0,
        trial_seconds=question.trial_seconds or TRIAL_SECONDS,
        warm_up_seconds=question.warm_up_seconds,
        seed=question.seed,
        looks=(question.rounds,) if question.rounds else LOOKS,
        renew_every=RENEW_EVERY[design_for(question)],
        content_characters=question.content_characters,
        held=dict(question.held),
    )
    if question.rate:
        with_rate(plan, question, question.rate)  # says now what could only fail later
    return plan


def design_for(question: Question) -> Design:
    """The lever's design, or a slower one that was asked for: to see whether both say the same."""
    wanted, own = question.design, question.lever.design
    if wanted == "duet" and own != "duet":
        raise UsageError(f"{question.lever.name} changes what both sides share: --design {own} or restart")
    return wanted or own


def mode_of(lever: Lever, asked: str | None, held: Mapping[str, str] = MappingProxyType({})) -> str:
    """The asked run mode, or the lever's. Raises UsageError for one that no stack is built in."""
    if asked is not None and asked not in MODES:
        raise UsageError(f"--mode {asked}: expected one of {', '.join(MODES)}")
    return asked or mode_for(lever, held)


def mix_of(lever: Lever, asked: str | None) -> str:
    """The asked load, or the lever's. Raises UsageError for one that is unknown."""
    if asked is not None and asked not in MIXES:
        raise UsageError(f"--mix {asked}: expected one of {', '.join(MIXES)}")
    return asked or lever.mix


def refuse_held(lever: Lever, held: Mapping[str, str]) -> None:
    """Raises UsageError for a setting of both sides that is the lever itself, or not what it needs."""
    levers = {one.env: one for one in catalogue().values()}
    for name, value in held.items():
        if name == lever.env:
            raise UsageError(f"--set {name}: that is the lever; --values A,B are its two values")
        needed = lever.extra_env.get(name, value)
        if value != needed:
            raise UsageError(f"--set {name}={value}: {lever.name} needs {name}={needed} on both sides")
        if name in levers:
            try:
                levers[name].check_value(value)
            except ValueError as error:
                raise UsageError(f"--set {name}: {error}") from None


def mode_for(lever: Lever, held: Mapping[str, str] = MappingProxyType({})) -> str:
    """The smallest mode with the parts that the lever, all of its values and the settings held need."""
    if "citus" in lever.needs:
        return "citus"
    parts = {*lever.needs, lever.extra_env.get("BROKER", ""), *lever.values, held.get("BROKER", "")}
    return "stack" if parts & {"rabbitmq", "haproxy", "citus"} and lever.name != "run_mode" else "multi"


def with_rate(plan: PullPlan, question: Question, found: float) -> PullPlan:
    """The plan at the asked rate, or at the one that was found, its trials long enough for its metric.

    A length that somebody gave is lengthened where the rate was found, since he could not know, and refused
    where he gave the rate as well. Raises UsageError, also where no reasonable length is enough.
    """
    rate = float(f"{question.rate or found:.3g}")
    needed = needed_seconds(plan, rate)
    asked = question.trial_seconds
    if needed > (asked or LONGEST_TRIAL_SECONDS) and (question.rate or needed > LONGEST_TRIAL_SECONDS):
        metric = METRICS[plan.metric]
        raise UsageError(
            f"{metric.label} needs {metric.least_samples:,} samples a side and trial, that is {needed:g} s "
            f"at {rate:g}/s: --trial-seconds {needed:g}, a higher --rate, or another --metric"
        )
    return replace(plan, rate=rate, trial_seconds=max(asked or TRIAL_SECONDS, needed))


def needed_seconds(plan: PullPlan, rate: float) -> float:
    """How long a trial must be for the primary metric to have its samples, with some to spare for luck."""
    each = rate / len(SIDES) if plan.design == "duet" else rate
    if plan.metric.startswith("delivery"):
        each *= DEVICES
    return float(math.ceil(METRICS[plan.metric].least_samples * 1.15 / each))
