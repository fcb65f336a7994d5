"""The ranking: results by what a reader can do with them. Words only, no files."""

import statistics
from collections.abc import Callable, Sequence

from lab.experiments.preparation import mode_for
from lab.experiments.result import PullResult
from lab.notebook.signs import signs
from lab.notebook.standing import Found, firm, pairs, roomy, warmed_as_usual
from lab.notebook.unseen import unseen, wanted
from lab.report.doubts import doubts
from lab.report.links import linked
from lab.report.load_words import short_rate_of, unit_of
from lab.report.style.page import figures
from lab.trials.observation import pairs_of
from lab.verdict import LOOKS, SAMENESS, Pair, Verdict
from lab.verdict_words import change
from levers.catalogue import lever_named
from levers.metrics import METRICS

# Parts that are not there by default, by the name that a lever needs them under.
PARTS = {"citus": "Citus", "rabbitmq": "RabbitMQ", "haproxy": "HAProxy"}
DEAR = 2.0  # a metric that is worse by more outweighs most gains

# Ratios of one family can be ranked, those of two cannot: a tenth of the CPU is not a tenth of the frames.
FAMILIES = ("CPU", "waiting", "frames, bytes and memory")


def family(metric: str) -> str:
    """Which of FAMILIES a metric belongs to."""
    if metric.startswith("cpu"):
        return FAMILIES[0]
    return FAMILIES[1] if METRICS[metric].is_latency else FAMILIES[2]


def size(result: PullResult) -> float:
    """How much the primary metric moved, as a factor above 1; 0 when nothing is claimed."""
    verdict = result.primary
    if verdict.effect is None or verdict.word in ("INVALID", "no difference shown"):
        return 0.0
    return verdict.effect.factor


def default_of(result: PullResult) -> str:
    """The value that is in use where nobody says otherwise, or the first of two that are not."""
    default = lever_named(result.lever).default
    return default if default in result.values else result.values[0]


def ahead(result: PullResult) -> str | None:
    """The value whose figure is better; None when that was not decided."""
    a, b = result.values
    return {"better": b, "worse": a}.get(result.primary.word)


def only_counted(result: PullResult) -> bool:
    """Whether a count is all that got better: neither CPU nor waiting was shown to follow it."""
    return family(result.primary.metric) == FAMILIES[2] and not any(
        one.word == result.primary.word and family(one.metric) != FAMILIES[2] for one in result.verdicts
    )


WORTH = "Worth pulling, if you can pay for it"
PRICED = "Cheaper on one machine, which is not what it is for"
COUNTED = "A count moved, and neither CPU nor waiting was shown to get better"
KEEP = "Keep: what it costs to leave the default"
ALONE = "Leave alone"
BLIND = "Our load cannot show these"
OPEN = "Not decided"
SECTIONS = {
    WORTH: "Another value does better than the default. What it gives up is in no figure: read the lever's "
    "page first. Last come levers that need a part which is not there by default, and those that make "
    "another metric more than twice as bad.",
    KEEP: "What another value costs, the largest price first. Whoever pays it should get something for it.",
    PRICED: "It is for several machines, and there was one: this is its price, and says nothing of its gain.",
    COUNTED: "Fewer frames or hints are a means. Pull it again where they are what you pay for.",
    ALONE: "The same within the margin, and nothing else was decided. What the other value gives up is in no "
    "figure, and on its page: only where that is nothing, choose by what is easier to run.",
    BLIND: "What people say of these could not have been seen under the load that they were pulled with, "
    "whatever the figures are.",
    OPEN: "The noise hides the answer, or the figures do not count. Neither means that both values are the "
    "same.",
}


def section_of(result: PullResult) -> str:
    """Where a result belongs."""
    if ahead(result) is None:
        return ALONE if result.primary.word == "same within the margin" else OPEN
    if only_counted(result):
        return COUNTED
    if ahead(result) == default_of(result):
        return KEEP
    return PRICED if any(one.name == "one machine" for one in result.primary.caveats) else WORTH


def advice(latest: Sequence[Found], everything: Sequence[Found] = ()) -> list[str]:
    """Sections; in each the levers by family of metrics, the largest effect first, one entry a lever.

    What is less firm (six pairs, a busy machine, uncommitted code) has a ranking of its own behind.
    `everything`: also results that are not ranked, and yet say at which rates a lever was asked.
    """
    by_lever: dict[str, list[PullResult]] = {}
    for _, one in latest:
        by_lever.setdefault(one.lever, []).append(one)
    asked: dict[str, list[PullResult]] = {}
    for _, one in everything or latest:
        asked.setdefault(one.lever, []).append(one)
    order = list(SECTIONS)
    blind = {name: why for name in sorted(by_lever) if (why := unseen(asked[name]))}
    placed: dict[tuple[str, str, bool], list[list[PullResult]]] = {}
    for own in by_lever.values():
        moved = any(ahead(one) for one in own)  # then no sameness may lead, however firm it is
        largest = {one.values: max(size(other) for other in own if other.values == one.values) for one in own}
        own.sort(
            key=lambda one: (
                moved and ahead(one) is None,
                not firm(one),
                _by_other(one),
                order.index(section_of(one)),
                -largest[one.values],
                not roomy(one),
                -one.plan["rate"],  # an idle machine pays more for each operation
            )
        )
        first = own[0]
        if first.lever in blind:
            continue
        placed.setdefault((section_of(first), family(first.primary.metric), firm(first)), []).append(own)
    lines: list[str] = []
    for title, words in SECTIONS.items():
        kinds = [(name, sure) for sure in (True, False) for name in FAMILIES]
        found = [(*kind, placed.get((title, *kind), [])) for kind in kinds]
        hidden = [_hidden(by_lever[name], why) for name, why in blind.items()] if title == BLIND else []
        if hidden or any(entries for *_, entries in found):
            lines += [f"## {title}", "", words, ""]
        lines += [*hidden, ""] if hidden else []
        for name, sure, entries in found:
            entries.sort(key=lambda own: (bool(part_of(own[0])), dear(own[0]), -size(own[0])))
            numbered = [
                f"{number}. {_entry(own, TOLD[title], asked[own[0].lever])}"
                for number, own in enumerate(entries, 1)
            ]
            less = "" if sure else " (less firm)"
            lines += [f"By {name}{less}:", "", *numbered, ""] if numbered else []
    return lines or ["Nothing was decided yet.", ""]


def _hidden(own: Sequence[PullResult], why: str) -> str:
    """Why the load could not show it, which one would, and what was seen all the same."""
    name, (first, *others) = own[0].lever, own
    part = part_of(first)
    also = "".join(f" Also {_brief(one)}" for one in others)
    told = linked(f"{why}. It wants {wanted(name)}", "results")
    found = TOLD[section_of(first)](first)
    needs = f", with {part}" if part else ""
    return f"- **[{name}](levers/{name}.md)**{needs}: {told}. What came out: {found}{also}"


def _by_other(result: PullResult) -> bool:
    """Whether it was asked of another metric than the lever's, by another design, mode or warm-up."""
    lever, plan = lever_named(result.lever), result.plan
    asked = (plan["metric"], plan["design"], plan["mode"])
    return bool(asked != (lever.metric, lever.design, mode_for(lever))) or not warmed_as_usual(result)


def part_of(result: PullResult) -> str:
    """What it was pulled with that is not there by default, and its lever cannot do without; '' for none."""
    lever = lever_named(result.lever)
    needed = {*lever.needs, lever.extra_env.get("BROKER", "")}
    usual = result.plan["mode"] in ("single", "multi")
    return "" if usual else " and ".join(told for part, told in PARTS.items() if part in needed)


def dear(result: PullResult) -> bool:
    """Whether the better value makes another metric worse by more than twice."""
    return any(_factor(one) > DEAR for one in opposite(result))


def opposite(result: PullResult) -> list[Verdict]:
    """Other metrics that went the other way, what the better figure is paid with: the largest first."""
    word = {"better": "worse", "worse": "better"}.get(result.primary.word)
    found = [one for one in result.verdicts[1:] if one.word == word and one.effect]
    return sorted(found, key=_factor, reverse=True)


def _factor(verdict: Verdict) -> float:
    assert verdict.effect is not None
    return verdict.effect.factor


def _at(result: PullResult) -> str:
    """The load, an unusual mode, a full machine, and the signs of what else makes it less firm."""
    mode = "" if result.plan["mode"] == "multi" else f", mode {result.plan['mode']}"
    few = f" ({pairs(result)} pairs)" if pairs(result) < LOOKS[0] else ""
    full = "" if roomy(result) else ", full machine"
    return f"{short_rate_of(result)}{mode}{full}{few}{signs(result)}"


def _entry(own: Sequence[PullResult], told: Callable[[PullResult], str], asked: Sequence[PullResult]) -> str:
    """The first result, what it is paid with, and of the other values a word each."""
    first, part = own[0], part_of(own[0])
    only = f"only with {part}: " if part else ""
    also = "".join(f" Also {_brief(one)}" for one in own[1:])
    beware = linked(doubts(asked, "Beware", shown=not ahead(first)), "results") if size(first) else ""
    return f"**[{first.lever}](levers/{first.lever}.md)**: {only}{told(first)}{_against(first)}{beware}{also}"


def _brief(result: PullResult) -> str:
    a, b = result.values
    if result.primary.effect is None:
        return f"`{a}` to `{b}`: invalid."
    lever, metric = lever_named(result.lever), result.primary.metric
    how = f" by {result.plan['design']}" if result.plan["design"] != lever.design else ""
    what = f"{result.label(metric)} " if metric != lever.metric else ""
    undecided = "" if ahead(result) else f", {result.primary.word}"
    way = f"`{b}`" if a == lever_named(result.lever).default else f"`{a}` to `{b}`"
    return f"{way}{how}: {what}{change(result.primary.effect)} at {_at(result)}{undecided}."


def difference(result: PullResult, metric: str) -> str:
    """+124 µs a send: the median of the rounds' own differences, in natural units."""
    found = pairs_of(result.observations, metric)
    return f"{_apart(found)} {unit_of(result, metric)}" if found else ""


def _apart(found: Sequence[Pair]) -> str:
    """Of each round: the medians of the sides may be of different rounds."""
    apart = statistics.median(pair.b - pair.a for pair in found)
    return f"{'-' if apart < 0 else '+'}{figures(abs(apart))}"


def between(result: PullResult, metric: str) -> str:
    """The medians behind a ratio, in brackets, and the rounds' median difference of a decided one."""
    found = pairs_of(result.observations, metric)
    if not found:
        return ""
    a, b = (statistics.median(side) for side in ([p.a for p in found], [p.b for p in found]))
    moved = ""
    if any(one.metric == metric and one.word in ("better", "worse") for one in result.verdicts):
        moved = f", {_apart(found)}"
    return f" ({figures(a)} to {figures(b)} {unit_of(result, metric)}{moved})"


def _moved(result: PullResult) -> str:
    verdict = result.primary
    assert verdict.effect is not None
    a, b = result.values
    label = result.label(verdict.metric)
    way = f"with `{b}`" if a == lever_named(result.lever).default else f"from `{a}` to `{b}`"
    moved = f"{label} {change(verdict.effect)} {way}{between(result, verdict.metric)}"
    return f"{moved} at {_at(result)}."


def _pulled(result: PullResult) -> str:
    """The value that is ahead, by how much, and against what."""
    return f"`{ahead(result)}`. {_moved(result)}"


def _same(result: PullResult) -> str:
    """What is alike in the figures."""
    a, b = result.values
    label, effect = result.label(result.primary.metric), result.primary.effect
    told = f" ({change(effect)})" if effect else ""
    return f"`{a}` or `{b}`, {label} within {SAMENESS:.0%}{told} at {_at(result)}.{_besides(result)}"


def _open(result: PullResult) -> str:
    a, b = result.values
    verdict = result.primary
    if verdict.effect is None:
        why = "; ".join(one.seen for one in verdict.caveats if one.grave)
        return f"`{a}` or `{b}`, invalid: {why}.{_besides(result)}"
    hidden = seen(verdict) or f"up to {verdict.effect.largest_change:.1%} could hide"
    if any(one.name == "shared by the sides" for one in verdict.caveats):
        hidden += ", in a duet, which shows no sameness of a latency"
    return f"`{a}` or `{b}`, {result.label(verdict.metric)}: {hidden} at {_at(result)}.{_besides(result)}"


def seen(verdict: Verdict) -> str:
    """Of an interval that leaves out 0 and yet gave no verdict: what was seen, and what withheld it."""
    return (
        f"{change(verdict.effect)} was seen, {verdict.withheld}"
        if verdict.withheld and verdict.effect
        else ""
    )


def _against(result: PullResult) -> str:
    """The largest of the other metrics that went the other way."""
    found = opposite(result)
    return f" Against it: {_figure(result, found[0])}." if found else ""


def _figure(result: PullResult, verdict: Verdict) -> str:
    assert verdict.effect is not None
    return f"{result.label(verdict.metric)} {change(verdict.effect)}{between(result, verdict.metric)}"


def _besides(result: PullResult) -> str:
    """Other metrics that were decided although the primary one was not."""
    found = [
        f"{_figure(result, one)}, {one.word}"
        for one in result.verdicts[1:]
        if one.word in ("better", "worse") and one.effect
    ]
    return f" Beside it: {', '.join(found)}." if found else ""


TOLD = {WORTH: _pulled, KEEP: _pulled, PRICED: _pulled, COUNTED: _pulled, ALONE: _same, OPEN: _open}
