"""Sessions of one question: each has a stack, users and arrivals of its own, and together they say more."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.caveats import caveat
from lab.errors import UsageError
from lab.experiments.machine import other_machine, other_software
from lab.experiments.plan import plan_from
from lab.experiments.preparation import Question, drafted
from lab.experiments.result import PullResult
from lab.experiments.unfinished import same_question
from lab.statistics import LEAST_SESSIONS
from lab.verdict import LOOKS, Verdict, judge_sessions
from levers.metrics import METRICS

MOST_INVALID = 0.2  # of the sessions; beyond it those that count are a choice


def question_of_session(result: PullResult) -> tuple[object, ...]:
    """What must be alike for two sessions to be of one question: all but seed, users' luck and commit."""
    plan = plan_from(result.plan)
    load = (plan.rate, plan.mix, plan.content_characters, plan.trial_seconds, plan.warm_up_seconds)
    return (plan.lever, plan.values, plan.mode, plan.design, *load)


def sessions_of(
    result: PullResult, found: Iterable[PullResult], *, same_code: bool = True
) -> list[PullResult]:
    """Those of its question and machine that claim something of its deciding metric, oldest first; it too.

    Of a seed the newest only, since it draws users and arrivals; none of fewer than twelve rounds.
    """
    key, here = question_of_session(result), result.fingerprint
    told = {result.plan["seed"]: result}
    for one in sorted(found, key=lambda each: each.started_at):
        if one.plan["seed"] == result.plan["seed"] or question_of_session(one) != key:
            continue
        if min(one.plan["looks"]) < LOOKS[0] or other_machine(one.fingerprint, here):
            continue
        if not (same_code and other_software(one.fingerprint, here)):
            told[one.plan["seed"]] = one
    claims = (one for one in told.values() if about(one, result.primary.metric))
    return sorted(claims, key=lambda one: one.started_at)


def about(result: PullResult, metric: str) -> Verdict | None:
    """What a session claims of a metric, whichever decided; None for nothing."""
    return next((one for one in result.verdicts if one.metric == metric and one.effect), None)


def together(sessions: Sequence[PullResult], metric: str) -> Verdict | None:
    """What these sessions say of a metric, with the caveats of each; None of fewer than three that count."""
    told = [verdict for one in sessions if (verdict := about(one, metric))]
    if len(told) < LEAST_SESSIONS or len(sessions) - len(told) > MOST_INVALID * len(sessions):
        return None
    first = sessions[0]
    shared = first.plan["design"] == "duet" and METRICS[metric].is_latency
    joint = judge_sessions(told, *first.values, first.label(metric), shared=shared)
    names = Counter(name for one in told for name in {note.name for note in one.caveats if not note.grave})
    notes = (caveat("in some sessions", what=name, n=n, of=len(told)) for name, n in sorted(names.items()))
    return replace(joint, caveats=tuple(notes))


def refuse_others(results: Sequence[PullResult]) -> None:
    """Raises UsageError where the machine, the commit or a version changed from session to session."""
    first = {**results[0].fingerprint, "changed": False}
    for one in results[1:]:
        own = {**one.fingerprint, "changed": False}
        if apart := {**other_machine(first, own), **other_software(first, own)}:
            raise UsageError(f"sessions that differ in {', '.join(apart)} say nothing together")


def done_already(
    question: Question, here: Mapping[str, Any], found: Iterable[tuple[Path, PullResult]]
) -> tuple[Path, PullResult] | None:
    """The newest session of this question and seed that counts; `here`: the fingerprint of now."""
    draft = drafted(question)
    for path, one in sorted(found, key=lambda each: each[1].started_at, reverse=True):
        apart = {**other_machine(one.fingerprint, here), **other_software(one.fingerprint, here)}
        if apart or not about(one, draft.metric):
            continue
        with suppress(UsageError):  # at its rate the asked trials would be too short
            if same_question({"plan": one.plan}, draft, question):
                return path, one
    return None
