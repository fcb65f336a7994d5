"""`lab faults`: break each part of a stack under load, and hold what is seen against what is promised."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from lab.commands.demo import people
from lab.errors import UsageError, VoidResult
from lab.faults import book, docker, endurance, endurance_page, page
from lab.faults.links import Links
from lab.faults.row import Row
from lab.faults.rows import ROWS
from lab.faults.run import Load, Result, run_rows
from lab.faults.scene import Scene
from lab.faults.watching import PRELOAD
from lab.stack import rabbitmq
from lab.stack.description import DEFAULT_HOME
from lab.stack.doctor import which
from lab.stack.host import running
from lab.stack.modes import Request

RESULTS = DEFAULT_HOME.parent / "results"
USERS = 1000
Mode = Literal["multi", "stack"]
AnyMode = Literal["multi", "stack", "docker"]


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ROW]...", help="Rows of the table; default: all.")
    ] = None,
    *,
    list_: Annotated[bool, typer.Option("--list", help="Show the rows and stop.")] = False,
    quick: Annotated[bool, typer.Option(help="The short lane: one fault of each kind.")] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.5, help="Break ONE stack for so long, in drawn order, under one load with one ledger."
        ),
    ] = None,
    mode: Annotated[
        AnyMode | None,
        typer.Option(
            help="multi, stack, or docker (the running compose stack).", show_default="stack where it can run"
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="Sends per second.")] = 60,
    sockets: Annotated[int, typer.Option(min=1, help="Devices that listen.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed offers the same load.")] = 1,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for faults.json, .md, .html (other rows in it are kept); faults-docker.* of mode "
            "docker, endurance.* of --minutes."
        ),
    ] = RESULTS,
) -> None:
    """Break each part of a stack under load, and hold what is seen against what is promised.

    Starts a stack of its own, with proxies between its parts, and stops it. --mode docker breaks the compose
    stack that runs, and adds 1,000 users to it. A row takes 15 to 80 s, the one of the 10,000 devices three
    minutes; all of them about half an hour. With --minutes N one stack is broken again and again and must
    lose nothing, nor stay broken. Exit code 3 when a row did not hold.
    """
    console = Console()
    here = installed()
    chosen_mode: AnyMode = mode or ("stack" if len(here) == 2 else "multi")
    asked = chosen(names or [], quick)
    rows = [row for row in asked if possible(row, chosen_mode)]
    if left_out := [row.name for row in asked if row not in rows]:
        console.print(
            f"not in mode {chosen_mode}: {', '.join(left_out)}",
            highlight=False,
            soft_wrap=True,
            style="yellow",
        )
    if list_:
        for row in rows:
            console.print(f"{row.name:28} {row.what}", highlight=False, soft_wrap=True)
        return
    if not rows:
        raise UsageError(
            f"mode {chosen_mode} has none of these; it has: lab faults --list --mode {chosen_mode}"
        )
    if chosen_mode == "stack" and len(here) < 2:
        raise UsageError("mode stack needs RabbitMQ and HAProxy: bash build.sh --system, or --mode multi")
    load = Load(rate, sockets, seed)
    if minutes:
        if chosen_mode == "docker":
            raise UsageError("--minutes breaks a stack of its own: --mode multi or --mode stack")
        words = f"lab faults {' '.join([*(names or []), *(['--quick'] if quick else [])])}".rstrip()
        words += (
            f" --minutes {minutes:g} --mode {chosen_mode} --rate {rate:g} --sockets {sockets} --seed {seed}"
        )
        found = for_minutes(rows, chosen_mode, load, minutes, words, console)
        for path in endurance_page.write(found, output):
            console.print(str(path), highlight=False, soft_wrap=True)
        console.print(endurance_page.verdict(found), highlight=False, soft_wrap=True)
        if broken := found.entry.observation.broken:
            raise VoidResult("not as promised: " + "; ".join(broken[:5]))
        return
    name = page.name_of(chosen_mode)
    table = [row for row in ROWS if chosen_mode != "docker" or docker.possible(row)]
    kept = book.read(output / f"{name}.json")
    results: dict[str, book.Entry] = {}

    def done(result: Result) -> None:
        entry = book.entry_of(result.observation, result.record, chosen_mode)
        results[entry.observation.name] = kept.entries[entry.observation.name] = entry
        page.write(kept, output, name, table)  # after each row: what was measured is kept, whatever comes
        console.print("  " + page.summary({entry.observation.name: entry}), highlight=False, soft_wrap=True)

    if chosen_mode == "docker":
        docker.run_on_running_stack(rows, USERS, load, console, done)
    else:
        run_on_new_stacks(rows, chosen_mode, load, console, done)
    console.print(page.summary(results), highlight=False, soft_wrap=True)
    console.print(f"{output / name}.md\n{output / name}.html", highlight=False, soft_wrap=True)
    broken = [name for name, entry in results.items() if not entry.observation.held]
    if broken:
        raise VoidResult(f"{len(broken)} of {len(results)} rows did not hold: {', '.join(broken)}")


def installed() -> list[str]:
    """Which of RabbitMQ and HAProxy this machine has."""
    found = {"rabbitmq": rabbitmq.scripts() is not None, "haproxy": which("haproxy") is not None}
    return [name for name, there in found.items() if there]


def chosen(names: Sequence[str], quick: bool) -> list[Row]:
    """The rows of these names, of the short lane, or all. Raises UsageError."""
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise UsageError(f"no row '{name}': expected one of {', '.join(known)}")
    return [row for row in ROWS if (row.name in names if names else row.quick or not quick)]


def possible(row: Row, mode: AnyMode) -> bool:
    """Can this mode be broken like that?"""
    return docker.possible(row) if mode == "docker" else mode == "stack" or not row.needs


def stack_of(row: Row) -> tuple[int, bool, tuple[tuple[str, str], ...]]:
    """Rows that agree in this can share a stack."""
    return row.nodes, row.front, tuple(sorted(row.levers.items()))


def for_minutes(  # noqa: PLR0917
    rows: Sequence[Row],
    mode: Literal["multi", "stack"],
    load: Load,
    minutes: float,
    words: str,
    console: Console,
) -> endurance.Endurance:
    """Start one stack with proxies before every part of it and break it for so long. Raises LabError."""
    fitting = [row for row in rows if endurance.fits(row)]
    if left_out := [row.name for row in rows if row not in fitting]:
        console.print(
            f"want a stack or a load of their own, left out: {', '.join(left_out)}",
            highlight=False, soft_wrap=True, style="yellow",
        )  # fmt: skip
    if not fitting:
        raise UsageError("none of these rows can be one of many on the same stack")
    console.print(f"Starting a stack ({mode}); {len(fitting)} rows for {minutes:g} minutes")
    tell = partial(console.print, highlight=False, soft_wrap=True)
    with stack_to_break(mode, endurance.NODES, front=mode == "stack", seed=load.seed) as scene:
        return asyncio.run(endurance.endure(fitting, scene, load, minutes, words, tell))


def run_on_new_stacks(
    rows: Sequence[Row],
    mode: Literal["multi", "stack"],
    load: Load,
    console: Console,
    done: Callable[[Result], None],
) -> None:
    """Start a stack for each group of rows that can share one."""
    for nodes, front, levers in sorted({stack_of(row) for row in rows}):
        mine = [row for row in rows if stack_of(row) == (nodes, front, levers)]
        words = "".join(f", {name}={value}" for name, value in levers)
        console.print(f"Starting a stack ({mode}, {nodes} RabbitMQ{words}) for {len(mine)} rows")
        with stack_to_break(mode, nodes, front=front, seed=load.seed, levers=dict(levers)) as scene:
            asyncio.run(run_rows(mine, scene, load, console.print, done))


@contextmanager
def stack_to_break(
    mode: Literal["multi", "stack"],
    nodes: int,
    *,
    front: bool,
    seed: int,
    levers: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """A stack of its own with people in it, and proxies between its parts (`front`: also about HAProxy)."""
    links = Links(front)
    try:
        with tempfile.TemporaryDirectory(prefix="lab-faults-") as folder:
            request = Request(
                Path(folder) / "stack",
                mode=mode,
                rabbitmq_nodes=nodes,
                levers=dict(levers or {}),
                postgres_settings=PRELOAD,
            )
            with running(request, planner=links.planner) as description:
                people(description, USERS, seed)
                yield Scene(description, links)
    finally:
        links.close()
