"""`lab history LEVER`: every result of a lever, oldest first."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import UsageError
from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult, results_of
from lab.trials.observation import pairs_of
from lab.verdict_words import GLYPHS, change
from levers.catalogue import lever_named
from levers.metrics import METRICS

WIDTH = 160  # a row is one line, also on a narrower terminal
COLUMNS = (
    *("day", "A, B", "mode", "design", "rate", "metric", "verdict", "change (95 %)", "pairs"),
    *("machine", "commit"),
)


def command(name: Annotated[str, typer.Argument(metavar="LEVER", help="`lab levers` lists them.")]) -> None:
    """List all results of a lever, committed and this machine's own, with verdict and interval."""
    try:
        lever = lever_named(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    found = results_of(lever.name)
    if not found:
        raise UsageError(f"{lever.name} was never pulled: lab pull {lever.name}")
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    for _, result in found:
        table.add_row(*row(result))
    Console(highlight=False, width=max(Console().width, WIDTH)).print(table)


def row(result: PullResult) -> tuple[str, ...]:
    """One result in a line."""
    verdict, effect = result.primary, result.primary.effect
    return (
        result.day,
        ", ".join(result.values) + plan_from(result.plan).held_words.replace("`", ""),
        str(result.plan["mode"]),
        str(result.plan["design"]),
        f"{result.plan['rate']:g}/s",
        METRICS[verdict.metric].label,
        f"{GLYPHS[verdict.word]} {verdict.word}",
        change(effect) if effect else "-",
        str(len(pairs_of(result.observations, verdict.metric))),
        f"{result.fingerprint.get('cores')} x {result.fingerprint.get('cpu')}",
        str(result.fingerprint.get("commit") or "-")[:9],
    )
