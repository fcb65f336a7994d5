"""`lab lie NAME`: a lie of load testing beside the truth, live."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lab import showcase
from lab.lies.told import Lie, Told


def command(
    name: Annotated[str | None, typer.Argument(help="A lie; without one they are listed.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Only the page, without telling the lie.")] = False,
) -> None:
    """Tell a lie of load testing and the truth beside it, on a live server, in under a minute."""
    console = Console(highlight=False)
    if name is None:
        showcase.print_list(console, showcase.modules("lab.lies"))
        return
    module = showcase.module_named("lab.lies", "lie", name)
    showcase.print_page(console, module)
    if page:
        return
    lie: Lie = module
    told = asyncio.run(lie.show(lambda line: console.print(f"[dim]{escape(line)}[/dim]"), 1.0))
    console.print()
    console.print(showcase.beside("the lie", "the truth", rows(told)))


def rows(told: Told) -> list[showcase.Row]:
    """The lie beside the truth, and how each was come by."""
    sign = "+" if told.unit == "%" else ""
    lie, truth = (showcase.number(value, told.unit, sign) for value in (told.lie, told.truth))
    return [(told.figure, lie, truth), *told.rows, ("how", told.how_lied, told.how_true)]
