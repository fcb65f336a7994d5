"""What lies and drills have in common: modules with a page and a show, listed, found and printed alike."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.errors import UsageError

Tell = Callable[[str], None]
Row = tuple[str, str, str]


@cache
def modules(package: str) -> dict[str, Any]:
    """The modules of a package that have a `show`, by name."""
    path = importlib.import_module(package).__path__
    loaded = {
        one.name: importlib.import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(path)
    }
    return {name: module for name, module in sorted(loaded.items()) if hasattr(module, "show")}


def module_named(package: str, kind: str, name: str) -> Any:
    """The module of a name (dashes and underscores are the same). Raises UsageError."""
    known = modules(package)
    wanted = name.replace("-", "_").lower()
    if wanted not in known:
        raise UsageError(f"{kind} '{name}' is unknown: expected one of {', '.join(known)}")
    return known[wanted]


def print_list(console: Console, known: Mapping[str, Any]) -> None:
    """A line each: its name and the first paragraph of its page."""
    width = max(map(len, known))
    for name, module in known.items():
        first = " ".join((module.__doc__ or "").strip().split("\n\n")[0].split())
        console.print(f"[bold]{name:>{width}}[/bold]  {escape(first)}", soft_wrap=True)


def print_page(console: Console, module: Any) -> None:
    """Its docstring, paragraph by paragraph."""
    for paragraph in (module.__doc__ or "").strip().split("\n\n"):
        console.print(escape(" ".join(paragraph.split())) + "\n")


def beside(wrong: str, right: str, rows: Sequence[Row]) -> Table:
    """A table of two columns, `wrong` in red; the first row is the figure that it is about."""
    made = Table(box=None, pad_edge=False)
    made.add_column("")
    made.add_column(wrong, style="red")
    made.add_column(right, style="green")
    for number, row in enumerate(rows):
        made.add_row(*map(escape, row), style="bold" if number == 0 else "")
    return made


def number(value: float, unit: str, sign: str = "") -> str:
    """A figure with its unit; whole ones without decimals, small ones with two."""
    places = 0 if value == int(value) else 2 if abs(value) < 10 else 1
    return f"{value:{sign},.{places}f} {unit}".rstrip()
