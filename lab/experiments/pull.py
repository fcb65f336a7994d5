"""One pull from the first check to the result: audit, preflight, capacity, rate, trials, verdict."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.errors import VoidResult
from lab.experiments.audit import check_sides, merged
from lab.experiments.capacities import as_json, capacities, rate_for
from lab.experiments.machine import fingerprint, other_machine, other_software
from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import WARM_UP_SECONDS, Question, with_rate
from lab.experiments.result import PullResult
from lab.experiments.rig import StackRig
from lab.experiments.session import Watch, again_of, run_session
from lab.experiments.unfinished import FOLDER, Unfinished, same_question
from lab.load.record import RunRecord
from lab.scaling.capacity import Slo
from lab.trials.journal import Journal
from lab.trials.schedule import SIDES, Side, schedule

PREFLIGHT_RATE, PREFLIGHT_SECONDS = 50.0, 2.0
AROUND_A_TRIAL_SECONDS, RENEWAL_SECONDS = 1.5, 4.0  # as seen on 2 cores; only for the first word about time

Tell = Callable[[str], None]


async def pull(
    question: Question,
    draft: PullPlan,
    rig: StackRig,
    *,
    tell: Tell,
    watch: Watch,
    prediction: str | None = None,
    fresh: bool = False,
    slo: Slo | None = None,
    folder: Path = FOLDER,
) -> PullResult:
    """Pull on a rig that is up. Raises VoidResult when the instrument or the sides are not fit for it."""
    slo = slo or Slo()
    started = time.time()
    tell("audit: asking every process for the settings in effect ...")
    reports = await asyncio.to_thread(rig.effective)
    found = check_sides(draft.lever, draft.of.effective, draft.values, reports)
    tell(f"audit: the sides differ in {', '.join(found)} and in nothing else")
    tested = question.rate or PREFLIGHT_RATE
    machine = await preflight(rig, tested, tell)
    unfinished = Unfinished.of(draft, folder)
    kept = None if fresh else unfinished.kept()
    if kept is not None and not _same(kept, draft, machine, question, tell):
        kept = None
    if kept is not None:
        prediction = kept["prediction"] or prediction
    if kept is not None and unfinished.journal.exists():
        plan, capacity = plan_from(kept["plan"]), kept["capacity"]
        journal = Journal.resume(unfinished.journal, plan.as_json())
        tell(f"resuming: {len(journal.done_rounds())} rounds are kept (begin anew with --fresh)")
    else:
        head = {"plan": draft.as_json(), "machine": machine, "capacity": None, "prediction": prediction}
        if kept is None:
            unfinished.begin(head)
        capacity, rate = None, 0.0
        if question.rate is None:
            capacity, rate = await _searched(rig, slo, unfinished, tell)
        plan = with_rate(draft, question, rate)
        if question.trial_seconds and plan.trial_seconds > question.trial_seconds:
            tell(
                f"trials: {plan.trial_seconds:g} s, since shorter ones have too few samples for {plan.metric}"
            )
        journal = unfinished.begin_trials({**head, "plan": plan.as_json(), "capacity": capacity}, plan)
    rig.plan = plan
    if plan.rate != tested:
        await preflight(rig, plan.rate, tell)
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
        started_at=started,
        seconds=time.time() - started,
        prediction=prediction,
        capacity=capacity,
        command=command_of(plan),
        notes=[*(["resumed after an interruption"] if kept is not None else []), *repeated],
    )
    unfinished.remove()
    return result


async def _searched(
    rig: StackRig, slo: Slo, unfinished: Unfinished, tell: Tell
) -> tuple[dict[str, Any], float]:
    """The capacity of both sides as the result file has it, and the rate that follows from it."""
    tell("capacity: searching the highest rate that holds the SLO, side by side: 1 to 3 min")
    if made := len(unfinished.tries.made()):
        tell(f"resuming: {made} tries of the search are kept (begin anew with --fresh)")
    brackets = await capacities(rig, slo, tell, unfinished.tries)
    for side in ("a", "b"):
        tell(f"capacity: {rig.plan.value_of(side)}: {brackets[side].sentence()}")
    rate, why = rate_for(brackets)
    tell(f"rate: {rate:.3g}/s, {why}")
    return as_json(brackets, slo), rate


def _minutes(plan: PullPlan, rounds: int) -> float:
    """About how long so many rounds take, told before the first; after it the rounds tell themselves."""
    trial = plan.warm_up_seconds + plan.trial_seconds + AROUND_A_TRIAL_SECONDS
    steps = schedule(plan.design, rounds, plan.seed, plan.renew_every)
    return max(1.0, (trial * len(steps) + RENEWAL_SECONDS * sum(one.fresh for one in steps)) / 60)


async def preflight(rig: StackRig, rate: float, tell: Tell) -> dict[str, Any]:
    """The instrument tests itself at this rate, then loads the real stack; the machine's fingerprint.

    Raises VoidResult.
    """
    tell(f"preflight: does the generator see a small server stall at {rate:g}/s? ...")
    sides: list[Side] = ["a"] if rig.arrangement.processes["a"] is None else list(SIDES)
    record = await rig.run(sides, rate, PREFLIGHT_SECONDS, 1, stall_test=True)
    test = record.stall_test
    if test is None or not test.ok:
        seen = f"{test.slow} of at least {test.needed} slow samples" if test else "the test did not run"
        raise VoidResult(f"preflight: the generator missed a planted stall ({seen}); nothing was measured")
    tell(f"preflight: stall seen ({test.slow} slow samples, {test.needed} needed); {_machine(record)}")
    return fingerprint(record.machine)


def _machine(record: RunRecord) -> str:
    others = record.pressure.cores_of_others if record.pressure else 0.0
    return f"{record.machine.cores} cores, other programs use {others:.2f} of them"


def _same(
    kept: Mapping[str, Any], draft: PullPlan, machine: Mapping[str, Any], question: Question, tell: Tell
) -> bool:
    """Whether an interrupted session may go on: the same question, machine and software."""
    if not same_question(kept, draft, question):
        tell("an interrupted session of another plan is dropped")
        return False
    changed = {**other_machine(kept["machine"], machine), **other_software(kept["machine"], machine)}
    if changed:
        tell(f"an interrupted session is dropped, it is not alike in {', '.join(changed)}")
        return False
    return True


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
    if plan.content_characters != type(plan).content_characters:
        words.append(f"--content {plan.content_characters}")
    if plan.looks != type(plan).looks:
        words.append("--quick")
    return " ".join(words)
