"""`lab status`: what runs where."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import StackError
from lab.stack.description import DEFAULT_HOME, StackDescription
from lab.stack.status import Status, statuses


def command(
    *,
    home: Annotated[Path, typer.Option(help="Run folder of the stack.")] = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """What runs where, its health, and the settings that are in effect (asked of each process).

    Exit code 5 when a process is not well.
    """
    description = StackDescription.load(home)
    rows = statuses(description)
    if as_json:
        print(json.dumps({"mode": description.mode, "processes": [asdict(row) for row in rows]}, indent=1))
    else:
        show(description, rows)
    unwell = [row.name for row in rows if row.health != "ok"]
    if unwell:
        raise StackError(f"not well: {', '.join(unwell)}")


def show(description: StackDescription, rows: list[Status]) -> None:
    """Two tables: the processes, and their settings with equal columns joined."""
    console = Console()
    table = Table(title=f"mode {description.mode}")
    for name in ("process", "state", "pid", "up", "where", "health"):
        table.add_column(name, no_wrap=name != "health")
    for row in rows:
        down = [name for name, state in row.links.items() if state != "ok"]
        health = row.health + (f", no {' and '.join(down)}" if down else "")
        style = "" if row.health == "ok" else "red"
        pid, seconds = str(row.pid or "-"), f"{row.up_seconds} s"
        table.add_row(row.name, row.state, pid, seconds, row.where, health, style=style)
    console.print(table)
    reports = [row for row in rows if row.effective]
    settings = Table("effective setting", *(row.name for row in reports))
    for name in dict.fromkeys(name for row in reports for name in row.effective):
        settings.add_row(name, *(str(row.effective.get(name, "")) for row in reports))
    if reports:
        console.print(settings)
