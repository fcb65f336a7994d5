"""How much of a capacity the rate of a pull was: a ratio on an idle machine is not one near the limit."""

import statistics
from collections.abc import Sequence

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.result import PullResult
from lab.notebook.scaling import Searched
from lab.notebook.signs import client_of_then, signs
from lab.notebook.standing import Found, committed, pairs, question_of, quiet, roomy
from lab.report.load_words import bounded, searched, slower_side
from lab.scaling.basis import processes
from lab.verdict import LOOKS
from lab.verdict_words import percent


def load_point(result: PullResult, known: Sequence[Searched]) -> tuple[float, str] | None:
    """(share, of what); None where no capacity of its mode and load is known.

    A search of the pull's own comes before a committed one: it was made with the lever's values.
    """
    if lowest := slower_side(result):
        seen = "what the slower side carried alone" if bounded(result) else "the highest rate that was tried"
        seen += ", shared by three sides" if result.plan["design"] == "duet" else ""
        return _rate(result) / float(lowest["passes"]), seen
    return _committed(result, known)


def words(result: PullResult, known: Sequence[Searched]) -> str:
    """about 7 % of what mode multi carries by default; '' where that is not known"""
    point = load_point(result, known)
    return f"about {_percent(point[0])} of {point[1]}" if point else ""


def cell(result: PullResult, known: Sequence[Searched]) -> str:
    """The share alone; * where the pull searched the capacity itself."""
    point = load_point(result, known)
    return f"{_percent(point[0])}{' *' if searched(result) else ''}" if point else "-"


def provisos(
    latest: Sequence[Found], known: Sequence[Searched], everything: Sequence[Found] = ()
) -> list[str]:
    """At which part of a capacity the results are, and what of `everything` a rate changed."""
    points = [point for _, result in latest if (point := load_point(result, known))]
    lines = []
    if points:
        shares = [share for share, _ in points]
        middle = statistics.median(shares)
        lines.append(
            f"The capacity is known for {len(points)} of {len(latest)} pulls: the rate was about "
            f"{_percent(middle)} of it in the median, and {_percent(max(shares))} at most. In a duet three "
            "sides share that rate, so each process gets a third of it. "
            f"In {sum(not roomy(one) for _, one in latest)} of all {len(latest)} pulls the machine was full "
            "all the same (*pressure* or *full machine* on their pages), since generator, services and "
            "database share the cores."
        )
    moved = changing(everything or latest)
    if moved:
        lines += [
            f"{len(asked_at_several(everything or latest))} questions were asked at several rates. In these "
            "the intervals of two rates do not overlap; two sessions at one rate may differ as much "
            "([what another session adds](evidence.md#what-another-session-adds)). The interval of ¶ is too "
            "narrow. [Broker](broker.md) has what a hint costs over RabbitMQ at several rates.",
            "",
            *(f"- {one}" for one in moved),
            "",
        ]
    return lines


def changing(latest: Sequence[Found]) -> list[str]:
    """Questions with steady answers at two rates whose intervals lie apart."""
    return [_told(sorted(own, key=_rate)) for own in asked_at_several(latest) if _differ(own)]


def asked_at_several(latest: Sequence[Found]) -> list[list[PullResult]]:
    """The steady answers of each question that has them at more than one rate."""
    asked: dict[tuple[object, ...], list[PullResult]] = {}
    for _, one in latest:
        steady = pairs(one) >= LOOKS[0] and quiet(one) and committed(one)
        if one.primary.effect and steady and not client_of_then(one):
            asked.setdefault(question_of(one), []).append(one)
    return [own for own in asked.values() if len(set(map(_rate, own))) > 1]


def _differ(own: Sequence[PullResult]) -> bool:
    effects = [one.primary.effect for one in own if one.primary.effect]
    return max(one.low for one in effects) > min(one.high for one in effects)


def _told(own: Sequence[PullResult]) -> str:
    a, b = own[0].values
    seen = ", ".join(
        f"{percent(one.primary.effect.ratio)} at {_rate(one):,g}/s{signs(one)}"
        f"{'' if one.primary.word in ('better', 'worse') else f' ({one.primary.word})'}"
        for one in own
        if one.primary.effect
    )
    lever = own[0].lever
    return f"[{lever}](levers/{lever}.md) from `{a}` to `{b}`, {own[0].label(own[0].primary.metric)} {seen}"


def _committed(result: PullResult, known: Sequence[Searched]) -> tuple[float, str] | None:
    """Of the lowest rate that held with all settings at their defaults, under the same load; None for none.

    That search ran the mode's own processes, of which a pull may have more or fewer: they are named.
    """
    plan = plan_from(result.plan)
    if plan.content_characters != PullPlan.content_characters or plan.held:
        return None
    alike = [
        one
        for one in known
        if (one.repeats.newest.mode, one.repeats.newest.mix) == (result.plan["mode"], result.plan["mix"])
        and not one.repeats.newest.levers
    ]
    most = max(alike, key=lambda one: one.repeats.carries.low, default=None)
    if most is None or not most.repeats.carries.low:
        return None
    ran = processes(most.repeats.newest)
    return _rate(result) / most.repeats.carries.low, f"what mode {plan.mode} carries by default ({ran})"


def _rate(result: PullResult) -> float:
    return float(result.plan["rate"])


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"
