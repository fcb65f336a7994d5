"""`lab rollout`: replace the services one by one, and show that nobody noticed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console

from lab.errors import LabError, UsageError, VoidResult
from lab.load.display import short_table
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.stack.description import DEFAULT_HOME, StackDescription
from lab.stack.rollout import KINDS, Replaced, candidates, noticed, roll
from lab.stack.settings_listing import parse_overrides

CALM_SECONDS = 3.0  # of load before the first and after the last process
LONGEST_SECONDS = 3600.0
RESULTS = Path(__file__).parents[2] / ".lab" / "results"
OF_THE_STACK = ("DATABASE_TRANSPORT", "APP_TRANSPORT", "BALANCE")  # lab up turns them into others


def command(
    *,
    only: Annotated[
        Literal["backend", "websocket"] | None, typer.Option(help="Only this kind.", show_default="both")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting to change by the way.")
    ] = None,
    load: Annotated[
        float, typer.Option(min=0, help="Operations a second meanwhile, with the ledger on; 0: none.")
    ] = 0,
    sockets: Annotated[int, typer.Option(min=0, help="Devices that listen meanwhile.")] = 200,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for rollout.json and rollout.md of --load as well."),
    ] = None,
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Replace the API processes and websocket services one by one: new code or settings, no gap.

    With --load it is measured: a load runs through the proxy, without retries, until a few seconds after
    the last one, and ends in a result and a report with each replacement marked.
    Exit code 3: a request failed, or the ledger is not clean.
    """
    stack = StackDescription.load(home)
    changes = parse_overrides(set_ or [])
    for name in OF_THE_STACK:
        if name in changes:
            raise UsageError(f"--set {name}: needs a new stack: lab down, lab up --set {name}=...")
    kinds = (only,) if only else KINDS
    candidates(stack, kinds)  # before a load begins
    console = Console()
    if why := noticed(stack, kinds):
        console.print(f"[yellow]{why}[/]", highlight=False)
    if not load:
        roll(stack, kinds, changes, print)
        return
    plan = LoadPlan(
        stack=stack,
        rate=load,
        duration=LONGEST_SECONDS,
        sockets=sockets,
        proxy=True,
        command=f"lab rollout --load {load:g} --sockets {sockets}",
    )
    record = asyncio.run(watched(plan, kinds, changes))
    console.print(short_table(record))
    for line in write(record, output):
        console.print(line, soft_wrap=True, highlight=False)
    judge(record)


async def watched(plan: LoadPlan, kinds: Sequence[str], changes: Mapping[str, str]) -> RunRecord:
    """Load, roll in the middle of it, stop the load; the record carries the replacements as events."""
    from lab.load.run import run_load

    stop, begun = asyncio.Event(), asyncio.Event()
    loading = asyncio.create_task(run_load(plan, on_second=lambda _second: begun.set(), stop=stop))
    waiting = asyncio.create_task(begun.wait())
    done: list[Replaced] = []
    try:
        await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            await asyncio.wait({loading}, timeout=CALM_SECONDS)
            done = await asyncio.to_thread(roll, plan.stack, kinds, changes, print)
            await asyncio.wait({loading}, timeout=CALM_SECONDS)
    finally:
        waiting.cancel()
        stop.set()
        record = await loading
    events = [
        (round(moment - record.started_at, 2), f"{one.name} {word}")
        for one in done
        for moment, word in ((one.began, "out"), (one.ended, "in again"))
    ]
    return msgspec.structs.replace(record, events=events, interrupted=False)


def write(record: RunRecord, output: Path | None = None) -> list[str]:
    """Write result and report; returns lines that name them. `output`: a folder that keeps both too."""
    from lab.report import rollout
    from lab.report import run as page
    from lab.report.story import story_of

    path = RESULTS / time.strftime("rollout-%Y%m%d-%H%M%S.json", time.localtime(record.started_at))
    try:
        record.save(path)
        lines = [
            f"result: {path.resolve()}",
            f"report: {page.write(story_of(record), path.with_suffix('.html').resolve())}",
        ]
        if output is not None:
            record.save(output / "rollout.json")
            (output / "rollout.md").write_text(rollout.markdown(record))
            lines.append(f"kept: {output / 'rollout.json'}  page: {output / 'rollout.md'}")
        return lines
    except OSError as error:
        raise LabError(f"{error.filename}: {error.strerror}") from None


def judge(record: RunRecord) -> None:
    """Raises VoidResult when somebody noticed."""
    failed = sum(record.total.errors.values()) + record.total.dropped
    if failed or not record.ledger.clean:
        kinds = ", ".join(f"{count} x {word}" for word, count in record.total.errors.items()) or "none"
        clean = "clean" if record.ledger.clean else "not clean"
        raise VoidResult(f"rollout: {failed} failed requests ({kinds}), ledger {clean}")
