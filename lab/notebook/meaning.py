"""What the answers of a lever mean to who has to choose: what to do, what it is worth, what is given up."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import mode_for, needed_seconds
from lab.experiments.result import PullResult
from lab.notebook.advice import (
    FAMILIES,
    ahead,
    default_of,
    difference,
    family,
    only_counted,
    opposite,
    part_of,
    seen,
    size,
)
from lab.notebook.hot_path import behind_layers, of_the_api, on_hot_path, pulled_there, shares
from lab.notebook.scaling import advised
from lab.notebook.short import SUREST, by_standing, sure, what_to_do, when_different
from lab.notebook.standing import Found, committed, conditions_of, enough, mark, pairs, quiet
from lab.notebook.words import given_up
from lab.report.doubts import applies
from lab.report.load_words import OPERATIONS, unit_of
from lab.report.style.page import figures
from lab.trials.observation import pairs_of
from lab.verdict import LOOKS, Verdict
from lab.verdict_words import percent
from levers.metrics import METRICS

COUNTED = {
    "CPU per 1,000, API": "the API's CPU",
    "CPU per 1,000, API and its PostgreSQL": "the CPU of API and PostgreSQL",
    "CPU per 1,000, all processes": "the CPU of all processes",
    "CPU per 1,000 deliveries, websocket": "the websocket service's CPU",
    "CPU per 1,000": "the CPU of its processes",
}


def meaning(
    own: Sequence[PullResult], latest: Sequence[Found], sweeps: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """A section of the lever's page: a line a pair of values, the firmest first; nothing without results.

    `latest`: of all levers, since one of them says what FastAPI's layers cost.
    """
    lines: list[str] = []
    for one in best(own):
        told = "\n".join(lines)
        lines.append(f"- {_line(one, own, latest)}{_besides(one, told)}")
    lines += [f"- {advised(sweep)}" for sweep in sweeps]
    if not lines:
        return []
    short_path = [shares(latest), ""] if own and on_hot_path(own[0].lever) else []
    return ["## What it means", "", *lines, "", *short_path]


def best(own: Sequence[PullResult]) -> list[PullResult]:
    """Of each pair of values, load and settings held the firmest; the lever's own load comes first."""
    found: dict[tuple[object, ...], PullResult] = {}
    for one in sorted(own, key=lambda one: (one.primary.word == "INVALID", by_standing(one))):
        found.setdefault((one.values, *_besides_the_lever(one)), one)
    order = sorted(found.values(), key=lambda one: (-sure(one), not one.primary.decided, -size(one)))
    return sorted(order, key=lambda one: not plan_from(one.plan).as_catalogued)


def _besides_the_lever(result: PullResult) -> tuple[object, ...]:
    plan = plan_from(result.plan)
    return plan.mix, *sorted(plan.held.items())


def _line(result: PullResult, own: Sequence[PullResult], latest: Sequence[Found]) -> str:
    verdict, names = result.primary, " or ".join(f"`{value}`" for value in result.values)
    if ahead(result):
        worth = _worth(result, own, latest)
        return f"**{_todo(result)}**{mark(result)}: {worth}.{_otherwise(result, own)}"
    if verdict.word == "same within the margin":
        rest = (
            f"{names}: {_label(result)} differs by {_most(result)}, so choose by what each fails by (above)"
        )
        return f"**Nothing to choose here**{mark(result)}, {rest}.{_otherwise(result, own)}"
    why = _could_be(result) if verdict.effect else _grave(verdict)
    needed = f"To decide it: {', '.join(_needed(result))}."
    return f"**Not shown**{mark(result)}, {names}: {why}. {needed}{_otherwise(result, own)}"


def _todo(result: PullResult) -> str:
    words, default = what_to_do(result), default_of(result)
    if only_counted(result) and ahead(result) != default:
        words = f"keep `{default}`, unless that count is what you pay for"
    words = words if words.startswith(("keep", "begin")) else f"take {words}"
    words = f"with {part_of(result)}: {words}" if part_of(result) else words
    return f"{words[:1].upper()}{words[1:]}"


def _worth(result: PullResult, own: Sequence[PullResult], latest: Sequence[Found]) -> str:
    """What the second value costs or saves against the first."""
    verdict, (a, b) = result.primary, result.values
    assert verdict.effect is not None
    ratio, metric = verdict.effect.ratio, verdict.metric
    amount = difference(result, metric).lstrip("+-")
    if family(metric) == FAMILIES[0]:
        more = "more" if ratio > 1 else "less"
        share = f"{percent(ratio)} {'of ' if ratio < 2 else ''}{_label(result)}"
        return (
            f"at {_at(result)} `{b}` takes {amount} {more} than `{a}`{_faster(result, own)}, "
            f"{_cores(result, _apart(result))}, {share}{_through_fastapi(result, latest)}"
        )
    if family(metric) == FAMILIES[1]:
        way = "longer" if ratio > 1 else "shorter"
        sides = f"with `{b}` than with `{a}`"
        return f"{_label(result)} is {amount} {way} {sides} at {_at(result)}, {percent(ratio)}"
    alone = ", and neither CPU nor waiting was shown to follow" if only_counted(result) else ""
    return f"`{b}` has {ratio:.2f} times the {_label(result)} of `{a}` at {_at(result)}{alone}"


def _faster(result: PullResult, own: Sequence[PullResult]) -> str:
    """What the same was at the highest rate above: a busier process pays less for each operation."""
    plan = result.plan
    alike = [
        one
        for one in own
        if (one.values, one.primary.metric, one.primary.word, one.plan["mode"], one.plan["design"])
        == (result.values, result.primary.metric, result.primary.word, plan["mode"], plan["design"])
        if one.plan["rate"] > plan["rate"] and sure(one) == SUREST
        if conditions_of(one) == conditions_of(result)
    ]
    fastest = max(alike, key=lambda one: float(one.plan["rate"]), default=None)
    return f" ({figures(abs(_apart(fastest)))} at {_at(fastest)})" if fastest else ""


def _through_fastapi(result: PullResult, latest: Sequence[Found]) -> str:
    """The same µs as a share of a send that goes through FastAPI's own layers."""
    if not of_the_api(result):
        return ""
    there, about = behind_layers(result, latest), "" if pulled_there(result, latest) else "about "
    much = f", {about}{(there - 1) * 100:+.0f} % of a send through FastAPI's own layers" if there else ""
    return f" on the short path `raw`{much}"


def _most(result: PullResult) -> str:
    """How large a difference the interval leaves, as a share and in natural units."""
    effect, metric = result.primary.effect, result.primary.metric
    assert effect is not None
    amount = effect.largest_change * statistics.median(
        pair.a for pair in pairs_of(result.observations, metric)
    )
    cores = f", {_cores(result, amount)}" if family(metric) == FAMILIES[0] else ""
    unit = unit_of(result, metric)
    return f"{effect.largest_change:.1%} at most ({figures(amount)} {unit}{cores}) at {_at(result)}"


def _could_be(result: PullResult) -> str:
    noticed = seen(result.primary)
    label = _label(result)
    return f"{f'{noticed}; ' if noticed else ''}{label} may differ by {_most(result)}"


def _grave(verdict: Verdict) -> str:
    return "; ".join(one.seen for one in verdict.caveats if one.grave) or "the figures do not count"


def _needed(result: PullResult) -> list[str]:
    """What would decide it: what the result lacks, then what its caveats ask for."""
    plan, names = plan_from(result.plan), {one.name for one in result.primary.caveats}
    seconds = max(needed_seconds(plan, plan.rate), plan.trial_seconds)
    noisy = result.primary.effect is not None and "shared by the sides" not in names
    asked = {
        f"{LOOKS[0]} pairs or more": not enough(result) and pairs(result) < LOOKS[0],
        "a quiet machine": not quiet(result) or "crowded" in names,
        "committed code": not committed(result),
        f"trials of {seconds:g} s or a higher rate": "too few samples" in names,
        f"trials longer than {plan.trial_seconds:g} s": noisy,
        "commits that wait for no disk (`--set DURABILITY=off`)": "the disk" in names,
        "a lower rate": bool(names & {"pressure", "full machine", "too often again"}),
        "a stack for each side (`--design abab`)": "shared by the sides" in names,
        "a machine for each part": "one machine" in names,
    }
    unfit = applies([result])
    elsewhere = [f"and a load or machine of which this is not true: {unfit}"] if unfit else []
    return [words for words, wanted in asked.items() if wanted] + elsewhere or ["the same pull again"]


def _otherwise(result: PullResult, own: Sequence[PullResult]) -> str:
    """Firm results of the same values and metric, in other modes or at other rates, with another word."""
    told = [
        f"at {_at(one)}{'' if one.plan['design'] == result.plan['design'] else ', by ' + one.plan['design']} "
        f"{percent(one.primary.effect.ratio)}, {one.primary.word}"
        for one in own
        if one.values == result.values and one.primary.metric == result.primary.metric
        if one.primary.word != result.primary.word and one.primary.effect and sure(one) == SUREST
        if _besides_the_lever(one) == _besides_the_lever(result)
    ]
    return f" Otherwise {'; '.join(told)}." if told else ""


def _besides(result: PullResult, told: str) -> str:
    """What the better figure is paid with, or when it would be another; each clause once in a section."""
    against = [
        f"`{result.values[1]}` has {result.label(one.metric)} {difference(result, one.metric)}, "
        f"{percent(one.effect.ratio)}"
        for one in opposite(result)[:1]
        if one.effect
    ]
    by_hand = given_up(result.lever, result.values[1]).replace("](", "](../")
    lost = [*against, *([by_hand] if by_hand and by_hand not in told and ahead(result) else [])]
    when = "" if by_hand else f" Different when: {when_different(result.lever)}."
    paid = f" What that gives up: {'; '.join(lost)}." if lost else ""
    unfit = applies([result]) if result.primary.word == "same within the margin" else ""
    load = f" What may hide a difference: {unfit}." if unfit else ""
    return f"{paid}{load}{'' if when in told else when}"


def _label(result: PullResult) -> str:
    metric = result.primary.metric
    return COUNTED[result.label(metric)] if family(metric) == FAMILIES[0] else METRICS[metric].label


def _apart(result: PullResult) -> float:
    """The median of the rounds' own differences."""
    return statistics.median(pair.b - pair.a for pair in pairs_of(result.observations, result.primary.metric))


def _cores(result: PullResult, microseconds: float) -> str:
    """At the rate of the pull: at a higher one an operation takes fewer microseconds."""
    return f"{figures(abs(microseconds) * result.plan['rate'] / 1e6, 2)} cores"


def _at(result: PullResult) -> str:
    """1,500/s, and of load, length of a message, mode and settings what is not usual."""
    plan = plan_from(result.plan)
    length = plan.content_characters
    long = f", {length:,} characters" if length != PullPlan.content_characters else ""
    mix = "" if plan.mix == plan.of.mix else f", {OPERATIONS[plan.mix].rstrip(',')}"
    mode = "" if plan.mode == mode_for(plan.of, plan.held) else f", mode {plan.mode}"
    return f"{plan.rate:,g}/s{mix}{long}{mode}{plan.held_words}"
