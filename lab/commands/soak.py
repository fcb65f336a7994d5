"""`lab soak`: a long load with devices that come and go; nothing may grow."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lab.commands.demo import people
from lab.commands.faults import RESULTS, Mode, installed
from lab.errors import VoidResult
from lab.load.display import progress
from lab.load.plan import LoadPlan
from lab.soak import page
from lab.soak.run import soak
from lab.stack.host import running
from lab.stack.modes import Request

USERS = 300


def command(
    *,
    minutes: Annotated[float, typer.Option(min=0.2, help="How long the load lasts.")] = 20,
    mode: Annotated[
        Mode | None, typer.Option(help="multi or stack.", show_default="stack where it can run")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="Sends per second.")] = 60,
    sockets: Annotated[int, typer.Option(min=1, help="Devices that stay; others come and go.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed offers the same load.")] = 1,
    output: Annotated[Path, typer.Option(help="Folder for soak.json and soak.md.")] = RESULTS,
    progress_: Annotated[bool, typer.Option("--progress/--no-progress", help="Live figures.")] = True,
) -> None:
    """Load a stack for a long time while devices come and go: memory, files and tasks must stay flat.

    Starts a stack of its own and stops it. Exit code 3 when something grew, when it cannot be told, or when
    the ledger is not clean.
    """
    chosen: Mode = mode or ("stack" if len(installed()) == 2 else "multi")
    words = (
        f"lab soak --minutes {minutes:g} --mode {chosen} --rate {rate:g} --sockets {sockets} --seed {seed}"
    )
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lab-soak-") as folder:
        with running(Request(Path(folder) / "stack", mode=chosen)) as stack:
            people(stack, USERS, seed)
            plan = LoadPlan(
                stack=stack,
                rate=rate,
                duration=minutes * 60,
                sockets=sockets,
                seed=seed,
                settle=46.0,
                retries=3,
                command=words,
            )
            with progress(plan, console, progress_) as watched:
                found = asyncio.run(soak(stack, plan, words, watched.on_second))
    for path in page.write(found, output):
        console.print(str(path), highlight=False, soft_wrap=True)
    if found.troubles:
        raise VoidResult("soak: " + "; ".join(found.troubles))
    console.print("Nothing grew, nothing was lost.")
