"""`lab show NAME`: a lever's page, how it is measured, and the latest result that counts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lab.commands.sweep import KEPT
from lab.errors import UsageError
from lab.experiments.availability import availability
from lab.experiments.preparation import ELSEWHERE
from lab.experiments.result import preferred, results_of
from lab.verdict import Verdict
from levers.catalogue import lever_named, page
from levers.lever import Lever
from levers.metrics import METRICS

DESIGNS = {
    "duet": "A, its twin and B are up at once and each arrival goes to one of the three by chance",
    "abab": "whole stacks are kept warm and measured in turn, in balanced random order",
    "restart": "everything is started anew before each trial, in balanced random order",
}
MOVES = {"up": "to rise", "down": "to fall", "either": "to move, the way is open"}


def command(name: Annotated[str, typer.Argument(help="A lever; `lab levers` lists them.")]) -> None:
    """Print the page of a lever: the problem, the plain way, what each value costs and how it fails."""
    try:
        lever = lever_named(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    console = Console(highlight=False)
    console.print(f"[bold]{lever.name}[/bold]\n")
    for paragraph in page(lever.name).split("\n\n"):
        console.print(escape(" ".join(paragraph.split())) + "\n")
    for label, text in facts(lever):
        console.print(f"[bold]{label:>16}[/bold]  {escape(text)}", soft_wrap=True)
    console.print()
    found, swept = preferred(results_of(lever.name)), sweeps(lever.name)
    if found:
        path, result = found
        console.print(
            f"[bold]Latest result[/bold] ({result.day}, {path}); all of them: lab history {lever.name}"
        )
        for verdict in result.verdicts:
            console.print(f"  {line(verdict)}", soft_wrap=True)
    for path, words in swept:
        console.print(f"[bold]Latest sweep[/bold] ({path}): {escape(words)}", soft_wrap=True)
    if not found and not swept:
        how = ELSEWHERE.get(lever.metric, "lab pull {lever}").format(lever=lever.name)
        console.print(f"No result yet. Measure it: {escape(how)}")


def sweeps(name: str) -> list[tuple[Path, str]]:
    """The newest committed sweep of each mode: its file, and what it says."""
    from lab.notebook.scaling import sentence, sweeps_of  # it draws as well: slow to load

    return [(path, sentence(sweep)) for path, sweep in sweeps_of(KEPT) if sweep["lever"] == name]


def facts(lever: Lever) -> list[tuple[str, str]]:
    """What the lever says about itself, as label and text."""
    state = availability(lever)
    metric = METRICS[lever.metric]
    return [
        ("setting", f"{lever.env}={' | '.join(lever.values)}"),
        ("read by", f"{', '.join(lever.processes)}; a new value restarts {', '.join(lever.restarts)}"),
        ("measured by", f"{metric.label}: {metric.meaning}"),
        ("design", f"{lever.design}: {DESIGNS[lever.design]}"),
        ("expected", f"{metric.label} {MOVES[lever.expected]}, because {lever.because}"),
        ("claim", lever.said),
        ("dishonest if", lever.dishonest_if),
        ("needs", ", ".join(lever.needs) or "nothing beyond Python and PostgreSQL"),
        ("here", "ready" + (f", {state.reason}" if state.reason else "") if state.ready else state.reason),
    ]


def line(verdict: Verdict) -> str:
    """One verdict in one line."""
    return escape(f"{verdict.word:>22}  {verdict.sentence}")
