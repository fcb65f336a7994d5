"""`lab replicas`: streaming replicas of PostgreSQL, and what a promotion costs."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from lab.errors import UsageError, VoidResult
from lab.faults.observation import silent_seconds
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.stack import compose
from lab.stack.description import DEFAULT_HOME, StackDescription
from lab.stack.promotion import Promotion, promote
from lab.stack.reading import PRIMARY, by_node, readings
from lab.stack.replicas import look

CALM_SECONDS = 3.0

command = typer.Typer(
    no_args_is_help=True,
    help="Streaming replicas: how far behind, who reads where, and what a promotion loses.\n\n"
    "A walk: `lab up --replicas 1 --set READ_ROUTING=replica_ryw`, `lab seed`,\n"
    "`lab replicas status`, `lab replicas promote --load 50`.",
)
Home = Annotated[Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")]


@command.command()
def status(*, home: Home = DEFAULT_HOME) -> None:
    """Lag and synchrony of each replica; which API process reads where, and the share of each node."""
    stack = _stack(home)
    table = Table("replica", "port", "state", "sync", "lag", title="replicas")
    for replica in asyncio.run(look(stack)):
        lag = "-" if replica.lag_bytes is None else f"{replica.lag_bytes:,} B, {replica.lag_seconds:.3f} s"
        table.add_row(replica.name, str(replica.port), replica.state, replica.sync, lag)
    Console().print(table)
    found = readings(stack)
    table = Table("API process", "its replica", "reads there", "reads of the primary", title="reads")
    for one in found:
        there, primary = (f"{one.reads[node]:,}" if one.reads else "-" for node in (one.replica, PRIMARY))
        table.add_row(one.process, one.replica, there, primary)
    Console().print(table)
    total = by_node(found)
    shares = [f"{node} {reads:,} ({reads / total.total():.1%})" for node, reads in sorted(total.items())]
    print(f"reads by node: {', '.join(shares) or 'none yet'}")


@command.command("promote")
def promote_command(
    replica: Annotated[
        str | None,
        typer.Argument(help="replica-1, replica-2 ...", show_default="the one that has most of the log"),
    ] = None,
    *,
    planned: Annotated[
        bool, typer.Option("--planned", help="Stop the primary in order instead of killing it.")
    ] = False,
    load: Annotated[
        float, typer.Option(min=0, max=5000, help="Messages a second sent meanwhile; 0: none.")
    ] = 0,
    output: Annotated[Path | None, typer.Option(help="Also write the figures to this file, as JSON.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """End the primary, promote a replica to its address, bring the old primary back by pg_rewind.

    When another replica than the named one has more of the log, that one is promoted, and it says so.
    Says how long writes failed and what was lost. With asynchronous replication a killed primary
    takes with it what was answered but not yet sent on: that is what this command shows. Exit code 3
    when acknowledged messages were lost.
    """
    stack = _stack(home)
    if stack.mode == compose.MODE:
        raise UsageError(
            "a promotion needs the servers of lab up: under docker compose they are the engine's"
        )
    promotion, record = asyncio.run(_promoted(stack, replica, planned, load))
    if output:
        write(output, promotion, record)
    print(f"{'promoted':<28}{promotion.name}")
    print(f"{'the primary':<28}{'stopped in order' if planned else 'killed'}")
    print(f"{'no primary for':<28}{promotion.down_seconds:.1f} s")
    print(f"{'old primary back after':<28}{promotion.rejoin_seconds:.1f} s more (pg_rewind)")
    print(f"{'log that was not sent on':<28}{promotion.lost_bytes:,} bytes")
    if record is None:
        return
    ledger = record.ledger
    errors = ", ".join(f"{name}: {count}" for name, count in record.total.errors.items()) or "none"
    print(f"{'load meanwhile':<28}{record.total.sent:,} sends, {record.total.ok:,} answered well")
    print(f"{'errors shown to users':<28}{errors}")
    print(f"{'acknowledged, then lost':<28}{ledger.acknowledged_not_stored} of {ledger.acknowledged:,}")
    if ledger.acknowledged_not_stored:
        raise VoidResult(
            f"{ledger.acknowledged_not_stored} acknowledged messages are lost; "
            "lab up --replication first_1 makes each commit wait for a replica"
        )


def write(path: Path, promotion: Promotion, record: RunRecord | None) -> None:
    """The figures of one promotion, with the load's where there was one."""
    figures: dict[str, Any] = {"promotion": asdict(promotion)}
    if record is not None:
        figures |= {
            "sends": record.total.sent,
            "errors": record.total.errors,
            "no_send_answered_seconds": silent_seconds(record),
            "p99": record.total.intended.p99,
            "ledger": record.ledger,
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")


async def _promoted(
    stack: StackDescription, replica: str | None, planned: bool, load: float
) -> tuple[Promotion, RunRecord | None]:
    stop = asyncio.Event()
    loading = None
    if load:
        from lab.load.run import run_load

        plan = LoadPlan(stack=stack, rate=load, duration=3600, warm_up=1, retries=0)
        loading = asyncio.create_task(run_load(plan, stop=stop))
        await asyncio.wait({loading}, timeout=CALM_SECONDS + plan.warm_up)
    try:
        promotion = await asyncio.to_thread(promote, stack, replica, planned, print)
        if loading:
            await asyncio.wait({loading}, timeout=CALM_SECONDS)
    finally:
        stop.set()
    return promotion, await loading if loading else None


def _stack(home: Path) -> StackDescription:
    stack = StackDescription.load(home)
    if not stack.replicas:
        raise UsageError("this stack has no replicas; start one with them: lab up --replicas 1")
    return stack
