"""`lab levers`: what can be pulled, and what is known about it here."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.experiments.availability import availability
from lab.experiments.result import preferred, results_of
from lab.verdict_words import GLYPHS
from levers.catalogue import catalogue

SHORT = {"same within the margin": "same", "no difference shown": "not shown", "INVALID": "invalid"}


def command(
    names: Annotated[bool, typer.Option("--names", help="Only the names, one a line, for scripts.")] = False,
) -> None:
    """List the levers: what each asks, how it is measured, and the last verdict.

    `lab show NAME` prints a lever's page, `lab pull NAME` measures it.
    """
    if names:
        for name in catalogue():
            print(name)
        return
    found = results_of()
    table = Table(box=None, pad_edge=False)
    table.add_column("lever", no_wrap=True)
    table.add_column("values, the default first")
    table.add_column("design", no_wrap=True)
    table.add_column("last verdict", no_wrap=True)
    unready = []
    for name, lever in catalogue().items():
        state = availability(lever)
        if not state.ready:
            unready.append((name, state.reason))
        result = preferred(one for one in found if one[1].lever == name)
        word = "-" if state.ready else "not here"
        if result:
            said = result[1].primary.word
            word = f"{GLYPHS[said]} {SHORT.get(said, said)}"
        values = " ".join(value for value in lever.values if value not in state.without)
        style = None if state.ready else "dim"
        table.add_row(name, values, lever.design, word, style=style)
    console = Console()
    console.print(table)
    for name, reason in unready:
        console.print(f"[dim]{name}: {reason}[/dim]", highlight=False)
