"""`lab compare A B`: two results of one question, side by side, or why they cannot be."""

import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.errors import UsageError
from lab.experiments import beside
from lab.experiments.machine import other_machine, other_software
from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult, load
from lab.load import record
from lab.trials.observation import pairs_of
from lab.verdict import Verdict
from lab.verdict_words import GLYPHS, change, percent
from levers.metrics import METRICS

# Parts of the plan that change what a figure means. (Seeds, looks and lengths of trials do not.)
SAME = (
    *("lever", "values", "mode", "design", "metric", "part", "mix", "rate"),
    *("users", "messages", "receivers", "content_characters", "warm_up_seconds", "held"),
)


def command(
    first: Annotated[Path, typer.Argument(help="Result file (.json) of a pull or a load, the older one.")],
    second: Annotated[Path, typer.Argument(help="Another of the same question on the same machine.")],
) -> None:
    """Compare two results of the same pull: did the answer change, and did the figures. Or of two loads.

    Refused when the machine or the question differ: then the figures do not belong side by side. Two loads
    are one run each, so that they are shown beside each other and no verdict is given.
    """
    console = Console(highlight=False)
    loads = loads_of(first, second)
    if loads:
        beside.refuse(*loads)
        _say(console, beside.changes(*loads))
        console.print(table_of_loads(*loads))
        console.print(beside.NO_VERDICT)
        return
    one, other = load(first), load(second)
    refuse(one, other)
    _say(console, other_software(one.fingerprint, other.fingerprint))
    console.print(table(one, other))


def _say(console: Console, changed: Mapping[str, tuple[Any, Any]]) -> None:
    for name, (before, after) in changed.items():
        console.print(escape(f"{name}: {before} -> {after}"))
    if not changed:
        console.print("same machine, versions and commit: what differs is chance")


def loads_of(first: Path, second: Path) -> tuple[record.RunRecord, record.RunRecord] | None:
    """Both as records of a load; None when neither is one. Raises UsageError when one of them is."""
    found: list[record.RunRecord] = []
    for path in (first, second):
        with suppress(record.RecordError):
            found.append(record.load(path))
    if len(found) == 1:
        raise UsageError("one is the result of a load, the other is none: expected two of one kind")
    return (found[0], found[1]) if found else None


def table_of_loads(one: record.RunRecord, other: record.RunRecord) -> Table:
    """The figures of both runs and how they moved."""
    shown = Table(box=None, pad_edge=False)
    days = [time.strftime("%Y-%m-%d %H:%M", time.gmtime(each.started_at)) for each in (one, other)]
    for column in ("figure", *days, "moved"):
        shown.add_column(column)
    before, after = beside.figures(one), beside.figures(other)
    for name in (name for name in before if name in after):
        shown.add_row(
            name,
            f"{before[name]:.4g}",
            f"{after[name]:.4g}",
            percent(after[name] / before[name]) if before[name] else "",
        )
    return shown


def refuse(one: PullResult, other: PullResult) -> None:
    """Raises UsageError that says why two results are not comparable."""
    machine = other_machine(one.fingerprint, other.fingerprint)
    if machine:
        raise UsageError(
            "not of one machine: " + ", ".join(f"{name} {a} and {b}" for name, (a, b) in machine.items())
        )
    plans = [plan_from(each.plan).as_json() for each in (one, other)]  # older files lack newer parts
    asked = {name: (plans[0][name], plans[1][name]) for name in SAME if plans[0][name] != plans[1][name]}
    if asked:
        raise UsageError(
            "not the same question: "
            + ", ".join(f"{name} {a} and {b}" for name, (a, b) in asked.items())
            + ("; give both the same --rate" if "rate" in asked else "")
        )


def table(one: PullResult, other: PullResult) -> Table:
    """Verdict and interval of each metric in both, and how the absolute figures of A and B moved."""
    shown = Table(box=None, pad_edge=False)
    for column in ("metric", one.day, other.day, "A moved", "B moved", ""):
        shown.add_column(column)
    later = {verdict.metric: verdict for verdict in other.verdicts}
    for verdict in one.verdicts:
        if verdict.metric not in later:
            continue
        then, now = verdict, later[verdict.metric]
        shown.add_row(
            METRICS[verdict.metric].label,
            *(f"{GLYPHS[v.word]} {escape(_interval(v))}" for v in (then, now)),
            *(_moved(one, other, verdict.metric, side) for side in ("a", "b")),
            _agree(then, now),
        )
    return shown


def _interval(verdict: Verdict) -> str:
    return change(verdict.effect) if verdict.effect else "invalid"


def _moved(one: PullResult, other: PullResult, metric: str, side: str) -> str:
    figures = []
    for result in (one, other):
        found = pairs_of(result.observations, metric)
        if not found:
            return "-"
        figures.append(statistics.median(getattr(pair, side) for pair in found))
    return percent(figures[1] / figures[0])


def _agree(then: Verdict, now: Verdict) -> str:
    if not (then.effect and now.effect):
        return ""
    apart = then.effect.low > now.effect.high or now.effect.low > then.effect.high
    return "the intervals do not meet: the answer changed" if apart else "agree"
