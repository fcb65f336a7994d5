"""`lab show NAME`: a lever's page, how it is measured, and the latest result that counts."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lab.errors import UsageError
from lab.experiments.availability import availability
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
    found = preferred(results_of(lever.name))
    if found is None:
        console.print("No result yet. Measure it: " + escape(f"lab pull {lever.name}"))
        return
    path, result = found
    console.print(f"[bold]Latest result[/bold] ({result.day}, {path}); all of them: lab history {lever.name}")
    for verdict in result.verdicts:
        console.print(f"  {line(verdict)}", soft_wrap=True)


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
