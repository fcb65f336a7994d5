"""`lab demo`: a stack, people in it, a load, a report, and nothing left behind."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hl_utils import seeding
from hl_utils.destinations import Refused
from lab.commands.load import INTERRUPTED, measured
from lab.errors import LabError, UsageError, VoidResult
from lab.load.display import progress, short_table
from lab.load.plan import MIXES, LoadPlan
from lab.load.record import RunRecord
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Mode, Request

FOLDER = Path(__file__).parents[2] / ".lab"


def command(
    *,
    seconds: Annotated[int, typer.Option(min=3, max=3600, help="Length of the measured load.")] = 40,
    rate: Annotated[float, typer.Option(min=1, help="Operations per second.")] = 200,
    mix: Annotated[str, typer.Option(help="What people do: send, list, chat, ...")] = "chat",
    users: Annotated[int, typer.Option(min=10, help="Made-up users.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed offers the same load.")] = 1,
    mode: Annotated[Mode, typer.Option(help="Run mode of the stack.")] = "multi",
    show_progress: Annotated[bool, typer.Option("--progress/--no-progress", help="Live figures.")] = True,
    home: Annotated[Path, typer.Option(help="Run folder, removed at the end.")] = FOLDER / "demo",
    results: Annotated[Path, typer.Option(help="Where result and report go.")] = FOLDER / "results",
) -> None:
    """Start a stack, make users and dialogs, run a load on it, write a report, stop everything.

    The load is open-loop: its arrivals are drawn from the seed and wait for nobody. Ctrl-C during the
    load ends it early with a report of what was measured. Exit code 3: the figures do not count.
    """
    if mix not in MIXES:
        raise UsageError(f"mix '{mix}': expected one of {', '.join(MIXES)}")
    console = Console()
    begin = time.monotonic()
    heading(console, 1, f"start a stack (mode {mode})")
    with running(Request(home, mode), tell=lambda line: console.print(f"  {line}", highlight=False)) as stack:
        heading(console, 2, "make users, dialogs and messages")
        people(stack, users, seed)
        plan = LoadPlan(
            stack=stack,
            rate=rate,
            duration=float(seconds),
            seed=seed,
            mix=mix,
            stall_test=True,
            proxy=True,  # where the mode has one
            command=f"lab demo --mode {mode} --rate {rate:g} --seconds {seconds} --mix {mix} "
            f"--users {users} --seed {seed}",
        )
        heading(console, 3, f"load: {rate:g} operations per second for {seconds} s, mix {mix}")
        with progress(plan, console, show_progress) as watched:
            record = asyncio.run(measured(plan, watched.on_second, console))
        heading(console, 4, "what was found")
        console.print(short_table(record))
        page = write(record, results)
        heading(console, 5, "stop")
    console.print(f"  nothing is left running; {time.monotonic() - begin:.0f} s in all\n", highlight=False)
    console.print(f"report: {page}", soft_wrap=True, highlight=False)
    console.print("next:   lab up, lab levers, lab pull NAME (source .venv/bin/activate)", highlight=False)
    if record.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not record.valid:
        raise VoidResult("demo: the figures do not count; the report says why")


def heading(console: Console, number: int, words: str) -> None:
    """Which of the five steps begins."""
    console.print(f"[bold]{number}/5 {words}[/]", highlight=False)


def people(stack: StackDescription, users: int, seed: int) -> None:
    """Seed the stack's database with `users` users, half as many dialogs, some messages in each."""
    try:
        seeding.run(
            seeding.planned(users, None, None, seed),
            "en_US",
            "password",
            seeding.connection(stack.postgres.dsn),
        )
    except (ValueError, Refused) as error:
        raise LabError(f"demo: {error}") from None


def write(record: RunRecord, folder: Path) -> Path:
    """Write the result file and its report; returns the report's path."""
    from lab.report import run as report  # its pictures take a second to import
    from lab.report.story import story_of

    name = time.strftime("demo-%Y%m%d-%H%M%S", time.localtime(record.started_at))
    try:
        record.save(folder / f"{name}.json")
        return report.write(story_of(record), (folder / f"{name}.html").resolve())
    except OSError as error:
        raise LabError(f"{error.filename}: {error.strerror}") from None
