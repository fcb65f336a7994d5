"""Sessions of one question: each has a stack, users and arrivals of its own, and together they say more."""

import math
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
    return (plan.lever, plan.values, plan.mode, plan.design, *load, *sorted(plan.held.items()))


def sessions_of(
    result: PullResult, found: Iterable[PullResult], *, same_code: bool = True
) -> list[PullResult]:
    """All attempts at its question on its machine, about its deciding metric, oldest first; it too.

    Of a seed the newest that counts only, since it draws users and arrivals, and each that was INVALID: a
    session that was measured again until it counted is a choice too. None of fewer than twelve rounds.
    """
    metric = result.primary.metric
    alike = [*_alike(result, found, LOOKS[0], same_code=same_code), result]
    counting = {one.plan["seed"]: one for one in alike if about(one, metric)}  # itself is the last
    told = [one for one in alike if one is counting.get(one.plan["seed"]) or not about(one, metric)]
    return sorted(told, key=lambda one: one.started_at)


def with_invalid(sessions: Sequence[PullResult], found: Iterable[PullResult]) -> list[PullResult]:
    """These sessions, and each other attempt at their question that was INVALID."""
    first, metric = sessions[0], sessions[0].primary.metric
    others = _alike(first, found, min(LOOKS[0], *first.plan["looks"]))
    there = {_key(one) for one in sessions}
    return [*sessions, *(one for one in others if _key(one) not in there and not about(one, metric))]


def _alike(
    result: PullResult, found: Iterable[PullResult], least_rounds: int, *, same_code: bool = True
) -> list[PullResult]:
    """The others of its question and machine in which its deciding metric was measured, oldest first."""
    question, here, metric = question_of_session(result), result.fingerprint, result.primary.metric
    return [
        one
        for one in sorted(found, key=lambda each: each.started_at)
        if question_of_session(one) == question
        and _key(one) != _key(result)
        and any(verdict.metric == metric for verdict in one.verdicts)
        and min(one.plan["looks"]) >= least_rounds
        and not other_machine(one.fingerprint, here)
        and not (same_code and other_software(one.fingerprint, here))
    ]


def _key(one: PullResult) -> tuple[object, ...]:
    """By which a result is known in memory and in its file."""
    return one.plan["seed"], one.started_at


def about(result: PullResult, metric: str) -> Verdict | None:
    """What a session claims of a metric, whichever decided; None for nothing."""
    return next((one for one in result.verdicts if one.metric == metric and one.effect), None)


def together(sessions: Sequence[PullResult], metric: str) -> Verdict | None:
    """What these sessions say of a metric, with the caveats of each; None of fewer than three that count.

    None too where more than a fifth of these attempts was INVALID.
    """
    told = [verdict for one in sessions if (verdict := about(one, metric))]
    invalid = [one for one in sessions if not about(one, metric)]
    if len(told) < LEAST_SESSIONS or len(invalid) > MOST_INVALID * len(sessions):
        return None
    first = sessions[0]
    shared = first.plan["design"] == "duet" and METRICS[metric].is_latency
    joint = judge_sessions(told, *first.values, first.label(metric), shared=shared)
    names = Counter(name for one in told for name in {note.name for note in one.caveats if not note.grave})
    notes = (caveat("in some sessions", what=name, n=n, of=len(told)) for name, n in sorted(names.items()))
    return replace(joint, sentence=joint.sentence + _left_out(sessions, invalid), caveats=tuple(notes))


def _left_out(sessions: Sequence[PullResult], invalid: Sequence[PullResult]) -> str:
    """How many attempts do not count, and how many of them were measured again; '' where all count."""
    if not invalid:
        return ""
    seeds = {one.plan["seed"] for one in sessions if one not in invalid}
    again = sum(one.plan["seed"] in seeds for one in invalid)
    return f" {len(invalid)} more {'was' if len(invalid) == 1 else 'were'} INVALID, {again} measured again."


def sessions_needed(sessions: Sequence[PullResult], metric: str) -> int:
    """How many have to count so that those that do not are no more than a fifth of all attempts."""
    invalid = sum(not about(one, metric) for one in sessions)
    return max(LEAST_SESSIONS, math.ceil(invalid * (1 - MOST_INVALID) / MOST_INVALID))


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
