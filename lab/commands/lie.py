"""`lab lie NAME`: a lie of load testing beside the truth, live."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.lies.told import Told, lie_named, lies


def command(
    name: Annotated[str | None, typer.Argument(help="A lie; without one they are listed.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Only the page, without telling the lie.")] = False,
) -> None:
    """Tell a lie of load testing and the truth beside it, on a live server, in under a minute."""
    console = Console(highlight=False)
    if name is None:
        for known, lie in lies().items():
            console.print(f"[bold]{known:>22}[/bold]  {escape(first_line(lie.__doc__))}", soft_wrap=True)
        return
    lie = lie_named(name)
    for paragraph in (lie.__doc__ or "").strip().split("\n\n"):
        console.print(escape(" ".join(paragraph.split())) + "\n")
    if not page:
        told = asyncio.run(lie.show(lambda line: console.print(f"[dim]{escape(line)}[/dim]"), 1.0))
        console.print()
        console.print(table(told))


def first_line(page: str | None) -> str:
    """The first paragraph of a page, as one line."""
    return " ".join((page or "").strip().split("\n\n")[0].split())


def table(told: Told) -> Table:
    """The lie beside the truth."""
    shown = Table(box=None, pad_edge=False, show_lines=True)
    shown.add_column("")
    shown.add_column("the lie", style="red")
    shown.add_column("the truth", style="green")
    sign = "+" if told.unit == "%" else ""
    figures = (
        f"{value:{sign},.{2 if abs(value) < 10 else 1}f} {told.unit}" for value in (told.lie, told.truth)
    )
    shown.add_row(told.figure, *figures, style="bold")
    for row in told.rows:
        shown.add_row(*(escape(cell) for cell in row))
    shown.add_row("how", escape(told.how_lied), escape(told.how_true))
    return shown
