"""One pull from the first check to the result: audit, preflight, capacity, rate, trials, verdict."""

import asyncio
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.errors import VoidResult
from lab.experiments.audit import check_sides, merged
from lab.experiments.beginning import Beginning
from lab.experiments.machine import fingerprint
from lab.experiments.plan import QUICK_ROUNDS, PullPlan
from lab.experiments.preparation import WARM_UP_SECONDS, Question
from lab.experiments.result import PullResult
from lab.experiments.rig import StackRig
from lab.experiments.session import Watch, again_of, run_session
from lab.experiments.unfinished import FOLDER, Unfinished
from lab.load.record import RunRecord
from lab.scaling.capacity import Slo
from lab.trials.schedule import SIDES, Side, schedule

PREFLIGHT_RATE, PREFLIGHT_SECONDS = 50.0, 2.0
STALL_TEST = ("rate", "slow", "needed")  # what a result keeps of it
AROUND_A_TRIAL_SECONDS, RENEWAL_SECONDS = 1.5, 4.0  # as seen on 2 cores; only for the first word about time

Tell = Callable[[str], None]


async def pull(
    question: Question,
    draft: PullPlan,
    rig: StackRig,
    *,
    tell: Tell,
    watch: Watch,
    save: Callable[[PullResult], object],
    prediction: str | None = None,
    fresh: bool = False,
    slo: Slo | None = None,
    folder: Path = FOLDER,
) -> PullResult:
    """Pull on a rig that is up, and save the result while it is: what is kept of the trials goes only then.

    Raises VoidResult when the instrument or the sides are not fit for it.
    """
    head: dict[str, Any] = {"capacity": None, "prediction": prediction, "spent_seconds": 0.0}
    head["started_at"] = head["part_began_at"] = time.time()
    tell("audit: asking every process for the settings in effect ...")
    reports = await asyncio.to_thread(rig.effective)
    found = check_sides(draft.lever, draft.of.effective, draft.values, reports, draft.held)
    tell(f"audit: the sides differ in {', '.join(found)} and in nothing else")
    tested = question.rate or PREFLIGHT_RATE
    machine, stall_test = await preflight(rig, tested, tell)
    unfinished = Unfinished.of(draft, folder)
    if fresh:
        unfinished.remove()
    head |= {"plan": draft.as_json(), "machine": machine}
    begun = await Beginning(question, draft, rig, unfinished, slo or Slo(), tell).begun(head)
    plan, journal, head = begun.plan, begun.journal, dict(begun.head)
    rig.plan = plan
    if plan.rate != tested:
        _, stall_test = await preflight(rig, plan.rate, tell)
    first, last = (_minutes(plan, rounds) for rounds in (plan.looks[0], plan.looks[-1]))
    span = f"{first:.0f} min" if first == last else f"{first:.0f} to {last:.0f} min"
    each = f"{plan.rate:g}/s, {plan.trial_seconds:g} s each"
    tell(f"trials: {plan.design}, {each}, looks at {plan.looks}: about {span}")
    verdicts = await run_session(plan, rig, journal, watch)
    repeated = [
        f"round {number + 1} was measured again: {why}"
        for number, reasons in again_of(journal.observations).items()
        for why in reasons
    ]
    result = PullResult(
        plan=plan.as_json(),
        fingerprint=machine,
        settings={side: merged(reports[side]) for side in ("a", "b")},
        verdicts=verdicts,
        observations=journal.observations,
        started_at=head["started_at"],
        seconds=head["spent_seconds"] + time.time() - head["part_began_at"],
        prediction=head["prediction"],
        capacity=head["capacity"],
        command=command_of(plan),
        notes=[*(["resumed after an interruption"] if begun.resumed else []), *repeated],
        stall_test=stall_test,
    )
    save(result)
    unfinished.remove()
    return result


def _minutes(plan: PullPlan, rounds: int) -> float:
    """About how long so many rounds take, told before the first; after it the rounds tell themselves."""
    trial = plan.warm_up_seconds + plan.trial_seconds + AROUND_A_TRIAL_SECONDS
    steps = schedule(plan.design, rounds, plan.seed, plan.renew_every)
    return max(1.0, (trial * len(steps) + RENEWAL_SECONDS * sum(one.fresh for one in steps)) / 60)


async def preflight(rig: StackRig, rate: float, tell: Tell) -> tuple[dict[str, Any], dict[str, Any]]:
    """The instrument tests itself at this rate, then loads the real stack.

    The machine's fingerprint, and what the test saw. Raises VoidResult.
    """
    tell(f"preflight: does the generator see a small server stall at {rate:g}/s? ...")
    sides: list[Side] = ["a"] if rig.arrangement.processes["a"] is None else list(SIDES)
    record = await rig.run(sides, rate, PREFLIGHT_SECONDS, 1, stall_test=True)
    test = record.stall_test
    if test is None or not test.ok:
        seen = f"{test.slow} of at least {test.needed} slow samples" if test else "the test did not run"
        raise VoidResult(f"preflight: the generator missed a planted stall ({seen}); nothing was measured")
    tell(f"preflight: stall seen ({test.slow} slow samples, {test.needed} needed); {_machine(record)}")
    return fingerprint(record.machine), {name: getattr(test, name) for name in STALL_TEST}


def _machine(record: RunRecord) -> str:
    others = record.pressure.cores_of_others if record.pressure else 0.0
    return f"{record.machine.cores} cores, other programs use {others:.2f} of them"


def command_of(plan: PullPlan) -> str:
    """The command that asks the same again."""
    words = [f"lab pull {plan.lever} --values {','.join(plan.values)} --mode {plan.mode}"]
    words.append(f"--rate {plan.rate:g} --trial-seconds {plan.trial_seconds:g} --seed {plan.seed}")
    if plan.warm_up_seconds != WARM_UP_SECONDS:
        words.append(f"--warm-up-seconds {plan.warm_up_seconds:g}")
    if plan.metric != plan.of.metric:
        words.append(f"--metric {plan.metric}")
    if plan.design != plan.of.design:
        words.append(f"--design {plan.design}")
    if plan.mix != plan.of.mix:
        words.append(f"--mix {plan.mix}")
    words += [f"--set {shlex.quote(f'{name}={value}')}" for name, value in sorted(plan.held.items())]
    if plan.content_characters != type(plan).content_characters:
        words.append(f"--content {plan.content_characters}")
    if plan.looks != type(plan).looks:
        words.append("--quick" if plan.looks == (QUICK_ROUNDS,) else f"--rounds {plan.looks[-1]}")
    return " ".join(words)
