"""`lab drill NAME`: a mistake switched on, its harm, and the cure."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lab import showcase
from lab.drills.drill import Drill, Shown


def command(
    name: Annotated[str | None, typer.Argument(help="A drill; without one they are listed.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Only the page, without running it.")] = False,
) -> None:
    """Switch a well-known mistake on, see what it does, and see the cure, in about a minute."""
    console = Console(highlight=False)
    if name is None:
        showcase.print_list(console, showcase.modules("lab.drills"))
        return
    module = showcase.module_named("lab.drills", "drill", name)
    showcase.print_page(console, module)
    if page:
        return
    drill: Drill = module
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may be another user
        shown = drill.show(lambda line: console.print(f"[dim]{escape(line)}[/dim]"), Path(folder))
    console.print()
    console.print(showcase.beside("the mistake", "the cure", rows(shown)))


def rows(shown: Shown) -> list[showcase.Row]:
    """The harm beside the cure."""
    harm, cure = (showcase.number(value, shown.unit) for value in (shown.harm, shown.cure))
    return [(shown.figure, harm, cure), *shown.rows]
