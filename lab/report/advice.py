"""What to pull first: the decided results, by what a reader can do with them. Words only, no files."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.experiments.result import PullResult
from lab.report.style.page import figures
from lab.trials.observation import pairs_of
from lab.verdict import percent
from levers.catalogue import lever_named, page, paragraphs
from levers.metrics import METRICS

Found = tuple[Path, PullResult]

# Levers that lead from one process to the next: their CPU is the price of a hop.
HOPS = (
    "run_mode",
    "broker",
    "delivery",
    "routing",
    "app_transport",
    "database_transport",
    "encoding",
    "payload",
)


def size(result: PullResult) -> float:
    """How much the primary metric moved, as a factor above 1; 0 when nothing is claimed."""
    verdict = result.primary
    if verdict.effect is None or verdict.word in ("INVALID", "no difference shown"):
        return 0.0
    return max(verdict.effect.ratio, 1 / verdict.effect.ratio)


def default_of(result: PullResult) -> str:
    """The value that is in use where nobody says otherwise, or the first of two that are not."""
    default = lever_named(result.lever).default
    return default if default in result.values else result.values[0]


def ahead(result: PullResult) -> str | None:
    """The value whose figure is better; None when that was not decided."""
    a, b = result.values
    return {"better": b, "worse": a}.get(result.primary.word)


def advice(latest: Sequence[Found]) -> list[str]:
    """Sections: worth pulling, keep, leave alone, not decided. The largest effect comes first in each."""
    results = [one for _, one in latest]
    sections: list[tuple[str, str, list[PullResult], Callable[[PullResult], str]]] = [
        (
            "Worth pulling, if you can pay for it",
            "The default is behind. What it would cost instead stands in each line: read it first.",
            [one for one in results if ahead(one) not in (None, default_of(one))],
            _worth,
        ),
        (
            "Keep: what it costs to leave the default",
            "The largest prices first. Whoever changes one of these should get something else for it.",
            [one for one in results if ahead(one) == default_of(one)],
            _keep,
        ),
        (
            "Leave alone",
            "Shown to be the same within the margin: choose by what is easier to run.",
            [one for one in results if one.primary.word == "same within the margin"],
            _same,
        ),
        (
            "Not decided",
            "An interval around nothing, or figures that do not count. Neither is evidence of sameness.",
            [one for one in results if one.primary.word in ("no difference shown", "INVALID")],
            _open,
        ),
    ]
    lines: list[str] = []
    for title, words, found, told in sections:
        if found:
            numbered = (f"{number}. {told(one)}" for number, one in enumerate(found, 1))
            lines += [f"### {title}", "", words, "", *numbered, ""]
    return lines or ["Nothing was decided yet.", ""]


def _name(result: PullResult) -> str:
    return f"**[{result.lever}](levers/{result.lever}.md)**"


def _moved(result: PullResult) -> str:
    verdict = result.primary
    assert verdict.effect is not None
    label = METRICS[verdict.metric].label
    a, b = result.values
    return f"{label} {percent(verdict.effect.ratio)} from `{a}` to `{b}`{between(result, verdict.metric)}."


def between(result: PullResult, metric: str) -> str:
    """The medians behind a ratio, in brackets; '' where there are none."""
    found = pairs_of(result.observations, metric)
    if not found:
        return ""
    a, b = (statistics.median(side) for side in ([p.a for p in found], [p.b for p in found]))
    unit = METRICS[metric].unit
    return f" ({figures(a)} to {figures(b)}{' ' + unit if unit else ''})"


def _worth(result: PullResult) -> str:
    other = ahead(result)
    return f"{_name(result)}: `{other}`. {_moved(result)}{_against(result)}{_price(result, other or '')}"


def _keep(result: PullResult) -> str:
    other = next(value for value in result.values if value != ahead(result))
    return f"{_name(result)}: `{ahead(result)}`. {_moved(result)}{_against(result)}{_price(result, other)}"


def _same(result: PullResult) -> str:
    a, b = result.values
    label, margin = METRICS[result.primary.metric].label, result.primary.margin or 0
    return f"{_name(result)}: `{a}` or `{b}`, {label} within {margin:.1%}.{_besides(result)}"


def _open(result: PullResult) -> str:
    a, b = result.values
    verdict = result.primary
    label = METRICS[verdict.metric].label
    if verdict.effect is None:
        why = "; ".join(one.seen for one in verdict.caveats if one.grave)
        return f"{_name(result)}: `{a}` or `{b}`, invalid: {why}.{_besides(result)}"
    hidden = f"up to {verdict.effect.largest_change:.1%} could hide"
    return f"{_name(result)}: `{a}` or `{b}`, {label}: {hidden}.{_besides(result)}"


def _against(result: PullResult) -> str:
    """Other metrics that went the other way: what the better figure is paid with."""
    opposite = {"better": "worse", "worse": "better"}[result.primary.word]
    found = [
        f"{METRICS[one.metric].label} {percent(one.effect.ratio)}"
        for one in result.verdicts[1:]
        if one.word == opposite and one.effect
    ]
    return f" Against it: {', '.join(found)}." if found else ""


def _besides(result: PullResult) -> str:
    """Other metrics that were decided although the primary one was not."""
    found = [
        f"{METRICS[one.metric].label} {percent(one.effect.ratio)} ({one.word})"
        for one in result.verdicts[1:]
        if one.word in ("better", "worse") and one.effect
    ]
    return f" Beside it: {', '.join(found)}." if found else ""


def _price(result: PullResult, value: str) -> str:
    """What the lever's page says about the value that is not the default: guarantees are in no figure."""
    text = paragraphs(page(result.lever)).get(value, "")
    acronym = text[1:2].isupper()
    return f" About `{value}`: {text if acronym else text[:1].lower() + text[1:]}" if text else ""


def hops(latest: Sequence[Found]) -> list[str]:
    """A table of what each hop costs, in CPU of every process for 1,000 messages."""
    metric = "cpu_per_1k_total"
    rows = []
    for _, result in latest:
        verdict = next((one for one in result.verdicts if one.metric == metric), None)
        if result.lever not in HOPS or verdict is None or verdict.effect is None:
            continue
        found = pairs_of(result.observations, metric)
        a, b = (statistics.median(side) for side in ([p.a for p in found], [p.b for p in found]))
        low, middle, high = map(percent, (verdict.effect.low, verdict.effect.ratio, verdict.effect.high))
        rows.append(
            (
                HOPS.index(result.lever),
                f"| [{result.lever}](levers/{result.lever}.md) "
                f"| `{result.values[0]}` to `{result.values[1]}` "
                f"| {figures(a)} | {figures(b)} | {b - a:+.0f} | {middle} ({low} to {high}) "
                f"| {verdict.word} |",
            )
        )
    if not rows:
        return []
    head = [
        "## The price of each hop",
        "",
        "CPU for 1,000 messages sent and pushed, in ms: of every process of the stack; in a duet (both sides",
        "in one stack) of the side's own process and of PostgreSQL's work for it.",
        "",
        "| lever | from, to | from | to | difference | change (95 %) | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    return [*head, *(row for _, row in sorted(rows)), ""]
