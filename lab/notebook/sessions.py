"""What an answer is worth in another session: the same question asked again, the whole stack new."""

import math
from collections.abc import Sequence

from lab.experiments.machine import HARDWARE
from lab.experiments.result import PullResult
from lab.experiments.series import about, question_of_session, sessions_of
from lab.notebook.standing import Found, elsewhere, firm
from lab.statistics import LEAST_SESSIONS, Effect, between_sessions, over_sessions
from lab.trials.observation import pairs_of
from lab.verdict import ratios_of
from lab.verdict_words import change, percent
from levers.catalogue import lever_named
from levers.metrics import METRICS

LEAST_FREEDOM = 2
SECTION = [
    "## What another session adds",
    "",
    "An interval is of its own session: database, broker, users and the minutes of the machine are drawn",
    "once. These are the firm answers that were asked again at the same rate, with trials and warm-up as",
    "long, of whatever commit; that one scatter holds for all questions of a row is an assumption. *One",
    "session*: the standard deviation of its median, by its own pairs; *between*: what sessions scatter by",
    "beyond that, and the most that it may be (95 %); *a second one*: how far above a first one it may lie",
    "(95 %). *Apart*: questions of which two 95 % intervals do not overlap; if sessions added nothing, that",
    "were about one of two hundred questions asked twice.",
    "",
    "| design | of | questions | sessions | apart | one session | between | a second one |",
    "|---|---|---|---|---|---|---|---|",
]


def asked_again(result: PullResult, found: Sequence[Found]) -> list[Effect]:
    """What firm sessions of the same question say of its deciding metric, the oldest first; itself too.

    Of the same machine, and of whatever commit.
    """
    firm_ones = [one for _, one in found if firm(one)]
    alike = sessions_of(result, firm_ones, same_code=False)
    metric = result.primary.metric
    return [told.effect for one in alike if (told := about(one, metric)) and told.effect]


def another_session(found: Sequence[Found]) -> list[str]:
    """The section of evidence.md; nothing where no question was asked again."""
    questions: dict[tuple[object, ...], list[PullResult]] = {}
    for _, one in sorted(found, key=lambda each: each[1].started_at):
        if firm(one):
            questions.setdefault(question_of_session(one), []).append(one)
    groups: dict[tuple[str, str], list[list[tuple[Effect, list[float]]]]] = {}
    for asked in questions.values():
        own = list({one.plan["seed"]: one for one in asked}.values())  # a seed draws users and arrivals
        wanted, counted = lever_named(own[0].lever).metric, set[str]()
        for metric in sorted({one.primary.metric for one in own}, key=lambda name: (name != wanted, name)):
            told = [
                (said.effect, ratios_of(pairs_of(one.observations, metric)))
                for one in own
                if (said := about(one, metric)) and said.effect
            ]
            kind = "CPU" if metric.startswith("cpu") else METRICS[metric].label
            if len(told) > 1 and kind not in counted:
                groups.setdefault((str(own[0].plan["design"]), kind), []).append(told)
                counted.add(kind)  # two kinds of CPU of one session are no two sessions
    rows = [_row(*key, groups[key]) for key in sorted(groups)]
    return [*SECTION, *rows, ""] if rows else []


def _row(design: str, kind: str, questions: Sequence[Sequence[tuple[Effect, list[float]]]]) -> str:
    found = between_sessions([[ratios for _, ratios in sessions] for sessions in questions])
    assert found is not None  # each question has two sessions
    apart = sum(
        max(effect.low for effect, _ in sessions) > min(effect.high for effect, _ in sessions)
        for sessions in questions
    )
    few = found.freedom < LEAST_FREEDOM
    return (
        f"| {design} | {kind} | {len(questions)} | {sum(map(len, questions))} | {apart} "
        f"| {found.within:.1%} | {found.deviation:.1%} (up to {found.most:.1%}) "
        f"| {'too few' if few else f'{found.another:.0%}'} |"
    )


def what_sessions_say(result: PullResult, found: Sequence[Found]) -> str:
    """How many sessions answered, and what they say: of two the range, of more the mean with its interval.

    Those of another machine, that were judged by the same metric, stand apart behind their sign.
    """
    there: dict[tuple[object, ...], PullResult] = {}
    for _, one in found:
        alike = question_of_session(one) == question_of_session(result) and firm(one)
        if alike and one.primary.metric == result.primary.metric and elsewhere(result, one):
            there[tuple(one.fingerprint.get(name) for name in HARDWARE)] = one
    others = (f"◊ {_told(asked_again(one, found), alone=True)}" for one in there.values())
    return ", ".join([_told(asked_again(result, found)), *others])


def _told(effects: Sequence[Effect], *, alone: bool = False) -> str:
    """`alone`: also what one session says, where no row beside it does."""
    ratios = [effect.ratio for effect in effects]
    if len(ratios) < 2:
        return f"1: {percent(ratios[0])}" if alone and ratios else "1"
    if len(ratios) >= LEAST_SESSIONS:
        return f"{len(ratios)}: {change(over_sessions([math.log(ratio) for ratio in ratios]))}"
    ends = dict.fromkeys((percent(min(ratios)), percent(max(ratios))))
    return f"{len(ratios)}: {' to '.join(ends)}"
