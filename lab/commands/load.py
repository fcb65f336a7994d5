"""`lab load`: a run on the stack that is up, its progress, its result file."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from lab.errors import LabError, UsageError, VoidResult
from lab.load.display import progress, short_table
from lab.load.plan import MIXES, OPERATIONS, SETTLE_SECONDS, LoadPlan, Operation
from lab.load.record import RunRecord, Second
from lab.load.run import run_load
from lab.stack.description import DEFAULT_HOME, StackDescription

RESULTS = DEFAULT_HOME.parent / "results"
INTERRUPTED = 130
Engine = Literal["lab", "locust"]


def parse_mix(text: str) -> str | dict[Operation, float]:
    """A word of MIXES, or shares as `send=2,list=1`. Raises UsageError."""
    if "=" not in text:
        return text
    shares: dict[Operation, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            shares[name.strip()] = float(value)  # type: ignore[index]  # LoadPlan.shares checks the names
        except ValueError:
            raise UsageError(f"mix: '{part}': expected operation=share, as in send=2,list=1") from None
    return shares


def command(
    context: typer.Context,
    *,
    rate: Annotated[float, typer.Option(help="Operations per second, whatever the stack answers.")] = 200,
    seconds: Annotated[float, typer.Option("--seconds", "--duration", help="Measured time.")] = 20,
    warm_up: Annotated[float, typer.Option(help="Seconds before them that are in no figure.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed offers the same load.")] = 1,
    mix: Annotated[
        str, typer.Option(help=f"{', '.join(MIXES)}; or shares of {', '.join(OPERATIONS)}: send=2,list=1")
    ] = "chat",
    sockets: Annotated[int, typer.Option(help="Devices that listen.")] = 200,
    dialogs: Annotated[int, typer.Option(help="Dialogs in use.")] = 200,
    content: Annotated[int, typer.Option(help="Characters of a message, 1 to 4096.")] = 80,
    encoding: Annotated[Literal["json", "msgpack"], typer.Option(help="Of the sockets' frames.")] = "json",
    processes: Annotated[int, typer.Option(help="Generator processes.")] = 1,
    in_flight: Annotated[
        int, typer.Option(help="Requests under way per process; an arrival above it is dropped and counted.")
    ] = 512,
    timeout: Annotated[float, typer.Option(help="Seconds after which a request has failed.")] = 5,
    retries: Annotated[int, typer.Option(help="Further tries of a send that failed, with the same id.")] = 0,
    settle: Annotated[
        float, typer.Option(help="Longest wait for the last deliveries, seconds: it ends when all are there.")
    ] = (SETTLE_SECONDS),
    stall_test: Annotated[bool, typer.Option(help="Test the generator first (2 s).")] = True,
    proxy: Annotated[bool, typer.Option(help="Through HAProxy where the stack has one.")] = True,
    output: Annotated[
        Path | None,
        typer.Option(help="Result file, or the folder for it.", show_default=".lab/results/load-<time>.json"),
    ] = None,
    ways: Annotated[
        Path | None, typer.Option(help="Also write every message's way, hop by hop, to this CSV file.")
    ] = None,
    report: Annotated[bool, typer.Option(help="Also write the HTML report beside it.")] = True,
    show_progress: Annotated[bool, typer.Option("--progress/--no-progress", help="Live figures.")] = True,
    engine: Annotated[
        Engine,
        typer.Option(
            help="locust: the behaviour mix of tests/load/locustfile.py; a table, no ledger, few options."
        ),
    ] = "lab",
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Run an open-loop load on the running stack and write a result file.

    Arrivals are a Poisson process drawn from the seed; latencies count from the time a request was due,
    so a stall of the stack shows in every request that it delayed. Every message is followed to the
    database and to each device (the ledger). Ctrl-C ends the run early and keeps what was measured.

    Exit code 3: it ran, but the figures do not count; the table says why.
    """
    stack = StackDescription.load(home)
    console = Console()
    plan = LoadPlan(
        stack=stack,
        rate=rate,
        duration=seconds,
        warm_up=warm_up,
        seed=seed,
        mix=parse_mix(mix),
        sockets=sockets,
        dialogs=dialogs,
        content_characters=content,
        encoding=encoding,
        processes=processes,
        in_flight_limit=in_flight,
        timeout=timeout,
        retries=retries,
        settle=settle,
        stall_test=stall_test,
        proxy=proxy,
        ways=ways,
    )
    plan.check()
    if engine == "locust":
        from lab.load.locust_command import refuse_unknown, run_with_locust

        refuse_unknown(_given(context), plan)
        run_with_locust(plan, console)
        return
    plan = replace(plan, command=_again(plan, mix))
    with progress(plan, console, show_progress) as watched:
        record = asyncio.run(measured(plan, watched.on_second, console))
    console.print(short_table(record))
    path = output or RESULTS
    if output is None or output.is_dir():
        path /= time.strftime("load-%Y%m%d-%H%M%S.json", time.localtime(record.started_at))
    try:
        record.save(path)
        console.print(f"result: {path.resolve()}", soft_wrap=True, highlight=False)
        if report:
            console.print(f"report: {_report(record, path)}", soft_wrap=True, highlight=False)
    except OSError as error:
        raise LabError(f"{error.filename}: {error.strerror}") from None
    if record.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not record.valid:
        raise VoidResult("load: the figures do not count: " + record.verdict.reasons[0])


def _given(context: typer.Context) -> list[str]:
    """The parameters that the command line names."""
    return [
        name
        for name in context.params
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]


def _report(record: RunRecord, path: Path) -> Path:
    from lab.report import run as page
    from lab.report.story import story_of

    return page.write(story_of(record), path.with_suffix(".html").resolve())


def _again(plan: LoadPlan, mix: str) -> str:
    """The command that offers the same load again."""
    usual = LoadPlan(stack=plan.stack)
    words = [f"lab load --rate {plan.rate:g} --seconds {plan.duration:g} --seed {plan.seed} --mix {mix}"]
    for option, value, default in (
        ("warm-up", plan.warm_up, usual.warm_up),
        ("sockets", plan.sockets, usual.sockets),
        ("dialogs", plan.dialogs, usual.dialogs),
        ("content", plan.content_characters, usual.content_characters),
        ("encoding", plan.encoding, usual.encoding),
        ("processes", plan.processes, usual.processes),
        ("in-flight", plan.in_flight_limit, usual.in_flight_limit),
        ("timeout", plan.timeout, usual.timeout),
        ("retries", plan.retries, usual.retries),
        ("settle", plan.settle, usual.settle),
    ):
        if value != default:
            words.append(f"--{option} {value:g}" if isinstance(value, float) else f"--{option} {value}")
    return " ".join(words if plan.proxy else [*words, "--no-proxy"])


async def measured(plan: LoadPlan, on_second: Callable[[Second], None], console: Console) -> RunRecord:
    """Run the load. The first Ctrl-C ends it early, with a record; a second one gives up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        print("  interrupted: ending the load (Ctrl-C again gives up)", file=sys.stderr)
        loop.remove_signal_handler(signal.SIGINT)
        stop.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        return await run_load(plan, on_second=on_second, stop=stop)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
