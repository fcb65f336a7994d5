"""`lab drill NAME`: a mistake switched on, its harm, and the cure."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.commands.lie import first_line
from lab.drills.drill import Shown, drill_named, drills


def command(
    name: Annotated[str | None, typer.Argument(help="A drill; without one they are listed.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Only the page, without running it.")] = False,
) -> None:
    """Switch a well-known mistake on, see what it does, and see the cure, in about a minute."""
    console = Console(highlight=False)
    if name is None:
        for known, drill in drills().items():
            console.print(f"[bold]{known:>18}[/bold]  {escape(first_line(drill.__doc__))}", soft_wrap=True)
        return
    drill = drill_named(name)
    for paragraph in (drill.__doc__ or "").strip().split("\n\n"):
        console.print(escape(" ".join(paragraph.split())) + "\n")
    if page:
        return
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may be another user
        shown = drill.show(lambda line: console.print(f"[dim]{escape(line)}[/dim]"), Path(folder))
    console.print()
    console.print(table(shown))


def table(shown: Shown) -> Table:
    """The harm beside the cure."""
    made = Table(box=None, pad_edge=False)
    made.add_column("")
    made.add_column("the mistake", style="red")
    made.add_column("the cure", style="green")
    figures = (f"{value:,.2f} {shown.unit}" for value in (shown.harm, shown.cure))
    made.add_row(shown.figure, *figures, style="bold")
    for row in shown.rows:
        made.add_row(*(escape(cell) for cell in row))
    return made
