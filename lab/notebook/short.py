"""The short answer: a row a lever, the largest effects of firm results."""

import re
from collections.abc import Sequence
from typing import Any

from lab.experiments.preparation import mode_for
from lab.experiments.result import PullResult
from lab.notebook.advice import (
    COUNTED,
    FAMILIES,
    PRICED,
    ahead,
    dear,
    default_of,
    difference,
    family,
    opposite,
    part_of,
    section_of,
    size,
)
from lab.notebook.hot_path import against_layers, of_the_layers, on_hot_path, second_figure
from lab.notebook.load_point import cell
from lab.notebook.scaling import Searched
from lab.notebook.sessions import what_sessions_say
from lab.notebook.standing import (
    Found,
    catalogued,
    committed,
    enough,
    quiet,
    roomy,
    synced,
    unsteady,
    warmed_as_usual,
)
from lab.notebook.words import given_up
from lab.report.doubts import applies
from lab.report.load_words import searched
from lab.verdict_words import change, percent
from levers.catalogue import lever_named, page, paragraphs

ROWS = 12
VALUES = 3  # of one lever in one row
SUREST = 3
HEAD = [
    "## The short answer",
    "",
    "| setting | what to do | what moves, by how much (95 %) | what you give up, or when not | sessions |",
    "|---|---|---|---|---|",
]
CORES = (
    "µs of CPU for one operation, times the operations a second of the row, are cores: 50 µs at 800/s are "
    "0.04 of one. At another rate the µs are others."
)
OF_A_DUET = (
    "In a duet three sides share the rate: each process carries a third of it, and its µs are those of a "
    "less busy process."
)
LEGEND = (
    "Differences are medians of the rounds; µs of two rows cannot be compared.",
    "In brackets behind a rate: which part that is of what the mode carries with the default and the "
    "processes that `lab up` starts, of which a side of a pull mostly has fewer.",
    "◊: of a session on another of the machines named above; shares of CPU may move with it.",
    "*Sessions*: how many asked the same question on the same machine, behind ◊ on another, of a row's "
    "values in turn, and their range, or from three on their mean with its interval; one more may "
    "lie twice as far ([what another session adds](evidence.md#what-another-session-adds)).",
)


def short_answer(
    latest: Sequence[Found], known: Sequence[Searched] = (), found: Sequence[Found] = ()
) -> list[str]:
    """A table, CPU before waiting before counts; nothing where nothing was decided.

    `latest`: the firm ones; `found`: all results.
    """
    rows = chosen(latest)
    lines = [_row(own, known, latest, found or latest) for own in rows]
    shown = [one for own in rows for one in own]
    share = [of_the_layers(latest)] if any(map(_on_the_path, shown)) else []
    duet = [OF_A_DUET] if any(one.plan["design"] == "duet" for one in shown) else []
    behind = [f"- {one}" for one in (*share, CORES, *duet, *LEGEND)] + [""]
    return [*HEAD, *lines, "", *behind] if rows else []


def _on_the_path(result: PullResult) -> bool:
    return result.primary.metric == "cpu_per_1k" and on_hot_path(result.lever)


def chosen(latest: Sequence[Found]) -> list[list[PullResult]]:
    """Of each lever its decided results, one a value; the levers with the largest effects, in print order."""
    by_lever: dict[str, list[PullResult]] = {}
    for _, one in catalogued(latest):
        if ahead(one) and section_of(one) != COUNTED and not against_layers(one):
            by_lever.setdefault(one.lever, []).append(one)
    rows = [_of_each_value(own) for own in by_lever.values()]
    rows.sort(key=lambda own: (bool(part_of(own[0])), -_largest(own)))
    return sorted(
        rows[:ROWS], key=lambda own: (FAMILIES.index(family(own[0].primary.metric)), -_largest(own))
    )


def sure(result: PullResult) -> int:
    """Of pairs, quiet and committed code how many it has."""
    return enough(result) + quiet(result) + committed(result)


def by_standing(result: PullResult) -> tuple[Any, ...]:
    """Sorts the surest first, then what is by the lever's metric, design and mode, then by room."""
    lever, plan = lever_named(result.lever), result.plan
    return (
        -sure(result),
        not warmed_as_usual(result),
        plan["metric"] != lever.metric,
        plan["design"] != lever.design,
        plan["mode"] != mode_for(lever),
        not roomy(result),
        -plan["rate"],
        -result.started_at,
    )


def _of_each_value(own: Sequence[PullResult]) -> list[PullResult]:
    """The surest of each pair of values, by the lever's design and mode and the rate; alike in metric."""
    best: dict[tuple[str, str], PullResult] = {}
    for one in sorted(own, key=by_standing):
        best.setdefault(one.values, one)
    kept = sorted(best.values(), key=size, reverse=True)
    alike = (kept[0].primary.metric, section_of(kept[0]))
    return [one for one in kept if (one.primary.metric, section_of(one)) == alike][:VALUES]


def _largest(own: Sequence[PullResult]) -> float:
    return max(map(size, own))


def _row(
    own: Sequence[PullResult],
    known: Sequence[Searched],
    latest: Sequence[Found],
    found: Sequence[Found],
) -> str:
    first = own[0]
    label = (
        first.label(first.primary.metric)
        .replace("CPU per 1,000 deliveries,", "CPU,")
        .replace("CPU per 1,000,", "CPU,")
    )
    moves = "; ".join(f"{_move(one, known, latest)}{synced(one)}" for one in own)
    return (
        f"| [{first.lever}](levers/{first.lever}.md){_only(first)} | {what_to_do(first)} "
        f"| {label}: {moves} | {_but(own)} "
        f"| {'; '.join(what_sessions_say(one, found) for one in own)} |"
    )


def _only(result: PullResult) -> str:
    return f", if you run {part}" if (part := part_of(result)) else ""


def what_to_do(result: PullResult) -> str:
    """Keep, or change to what, where what it gives up is nothing to you."""
    default, best = default_of(result), ahead(result)
    if best and lever_named(result.lever).default not in result.values:
        (other,) = set(result.values) - {best}
        return f"`{best}` rather than `{other}`"
    if best == default:
        return f"{'begin with' if 'stack' in lever_named(result.lever).restarts else 'keep'} `{default}`"
    if section_of(result) == PRICED or dear(result):
        return f"keep `{default}`, unless you can pay for `{ahead(result)}`"
    return f"`{ahead(result)}`, if you can pay for it"


def _move(result: PullResult, known: Sequence[Searched], latest: Sequence[Found]) -> str:
    """`asyncio` +124 µs a send, +13.4 % (+12.0 % to +15.1 %) at 1,000/s (25%), behind FastAPI about +6 %"""
    effect = result.primary.effect
    assert effect is not None
    a, b = result.values
    other = f"`{b}`" if a == lever_named(result.lever).default else f"`{a}` to `{b}`"
    part = "" if searched(result) else cell(result, known).strip("-")
    at = f"{result.plan['rate']:,g}/s{f' ({part})' if part else ''}"
    second = "".join(f", {words}" for words in (second_figure(result, latest), unsteady(result)) if words)
    apart = (
        difference(result, result.primary.metric).removesuffix(result.label(result.primary.metric)).strip()
    )
    return f"{other} {apart}, {change(effect)} at {at}{second}"


def _but(own: Sequence[PullResult]) -> str:
    """What another metric loses, and one clause: by hand, or when the lever's page says it is different.

    Of the first value, and of the others what is lost with them where that is something else.
    """
    result, by_hand = own[0], {one.values[1]: given_up(one.lever, one.values[1]) for one in own}
    apart = len(set(by_hand.values())) > 1
    against = opposite(result)
    lost = [
        f"{result.label(against[0].metric)} {difference(result, against[0].metric)}, "
        f"{percent(against[0].effect.ratio)}"
        for _ in against[:1]
        if against[0].effect
    ]
    if apart:
        return "; ".join([*lost, *(f"`{value}`: {words}" for value, words in by_hand.items() if words)])
    return "; ".join([*lost, by_hand[result.values[1]] or _different(result)])


def _different(result: PullResult) -> str:
    """When it would be different, and what of that is known to apply here."""
    unfit = applies([result])
    return f"different when {when_different(result.lever)}{f'; here {unfit}' if unfit else ''}"


def when_different(lever: str) -> str:
    """When it would be different, as its page says: the first sentence, without what stands in brackets."""
    text = paragraphs(page(lever)).get("Different when", "the page says")
    return re.sub(r" \([^()]*\)", "", text.removesuffix(".")).partition(". ")[0]
