"""Sessions of one question: each has a stack, users and arrivals of its own, and together they say more."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.experiments.machine import other_machine, other_software
from lab.experiments.plan import plan_from
from lab.experiments.preparation import Question, drafted
from lab.experiments.result import PullResult
from lab.experiments.unfinished import same_question
from lab.statistics import LEAST_SESSIONS
from lab.verdict import Verdict, judge_sessions


def question_of_session(result: PullResult) -> tuple[object, ...]:
    """What must be alike for two sessions to be of one question: all but seed, users' luck and commit."""
    plan = plan_from(result.plan)
    load = (plan.rate, plan.mix, plan.content_characters, plan.trial_seconds, plan.warm_up_seconds)
    return (plan.lever, plan.values, plan.mode, plan.design, *load)


def sessions_of(result: PullResult, found: Iterable[PullResult]) -> list[PullResult]:
    """Those of its question and machine that claim something of its deciding metric, oldest first; it too.

    None of fewer rounds or of other code than its own: these are apart for reasons that can be named.
    """
    key, here = question_of_session(result), result.fingerprint
    others = (
        one
        for one in found
        if question_of_session(one) == key
        and one.plan["looks"] == result.plan["looks"]
        and not other_machine(one.fingerprint, here)
        and not other_software(one.fingerprint, here)
    )
    told = {one.started_at: one for one in (*others, result) if about(one, result.primary.metric)}
    return [told[at] for at in sorted(told)]


def about(result: PullResult, metric: str) -> Verdict | None:
    """What a session claims of a metric, whichever decided; None for nothing."""
    return next((one for one in result.verdicts if one.metric == metric and one.effect), None)


def together(sessions: Sequence[PullResult]) -> Verdict | None:
    """The verdict of these sessions about what the first was asked about; None of fewer than three."""
    if not sessions:
        return None
    metric = sessions[0].primary.metric
    told = [verdict for one in sessions if (verdict := about(one, metric))]
    if len(told) < LEAST_SESSIONS:
        return None
    return judge_sessions(told, *sessions[0].values, sessions[0].label(metric))


def done_already(
    question: Question, here: Mapping[str, Any], found: Iterable[tuple[Path, PullResult]]
) -> tuple[Path, PullResult] | None:
    """The session of this question and seed that is there already; `here`: the fingerprint of now."""
    draft = drafted(question)
    for path, one in found:
        own = plan_from(one.plan)
        if (own.lever, own.values, own.seed) != (draft.lever, draft.values, draft.seed):
            continue
        apart = {**other_machine(one.fingerprint, here), **other_software(one.fingerprint, here)}
        with suppress(UsageError):  # at its rate the asked trials would be too short
            if not apart and same_question({"plan": one.plan}, draft, question):
                return path, one
    return None
