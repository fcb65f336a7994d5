"""`lab shards`: look at a Citus cluster and change it under load."""

import asyncio
import re
import sys
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import LabError, UsageError, VoidResult
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.shards import changes, servers
from lab.shards.account import rows, write_page
from lab.shards.cluster import Cluster, Node, skew
from lab.shards.watch import Account, Tell, watched
from lab.stack.description import DEFAULT_HOME, Database, StackDescription
from wire.message import dialog_id_of

Home = Annotated[Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")]
Dsn = Annotated[
    str | None,
    typer.Option(
        help="postgresql://user:password@host:port/database", show_default="the running stack's coordinator"
    ),
]
Load = Annotated[
    float,
    typer.Option(min=0, max=5000, help="Messages a second sent meanwhile, with the ledger on; 0: none."),
]
Worker = Annotated[str, typer.Argument(help="host:port (or the port alone) of the worker.")]
Change = Callable[[Cluster], Coroutine[None, None, object]]


@dataclass(frozen=True)
class Step:
    """One change: its words, what it does, and what must hold before the load begins."""

    what: str
    change: Change
    check: Change | None = None


command = typer.Typer(
    no_args_is_help=True,
    help="Shards of a Citus cluster: look, grow, rebalance, drain, shrink; the runbook as commands.\n\n"
    "A walk: `lab up --mode citus`, `lab seed`, `lab shards status`, `lab shards add`,\n"
    "`lab shards rebalance --load 50`, `lab shards drain PORT`, `lab shards remove PORT`.\n"
    "What each does to running writers: citus/runbook/README.md.",
)


@command.command()
def status(*, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Nodes, shards, bytes, skew, and what is moving."""

    async def look() -> None:
        cluster = await Cluster.connect(_database(home, dsn))
        try:
            _show(await cluster.nodes(), await cluster.shard_count(), await cluster.job())
        finally:
            await cluster.close()

    asyncio.run(look())


@command.command()
def add(
    *,
    server: Annotated[
        str | None,
        typer.Option(
            help="host:port of a server that runs already and has the extension; default: start one here."
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Add a worker, still without shards (`lab shards rebalance` gives it some)."""
    database = _database(home, dsn)
    if server is None:
        host, port = servers.start_worker(StackDescription.load(home), print)
    else:
        host, _, number = server.rpartition(":")
        if not host or not number.isdecimal():
            raise UsageError(f"--server '{server}': expected host:port")
        port = int(number)

    async def change(cluster: Cluster) -> None:
        await changes.register(cluster, host, port)

    _run(Step(f"add worker {host}:{port}", change), database)


@command.command()
def rebalance(*, load: Load = 0, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Even out the bytes over the workers; reads and writes go on. Watches one that runs already."""
    _run(Step("rebalance", changes.rebalance), _database(home, dsn), load, home)


@command.command()
def drain(worker: Worker, *, load: Load = 0, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Move every shard off a worker; reads and writes go on."""

    async def check(cluster: Cluster) -> None:
        await changes.check_drain(cluster, await cluster.worker(worker))

    async def change(cluster: Cluster) -> None:
        await changes.drain(cluster, await cluster.worker(worker))

    _run(Step(f"drain {worker}", change, check), _database(home, dsn), load, home)


@command.command()
def remove(worker: Worker, *, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Take a drained worker out of the cluster, and stop its server where this stack runs it."""
    gone: list[Node] = []

    async def change(cluster: Cluster) -> None:
        node = await cluster.worker(worker)
        await changes.remove(cluster, node)
        gone.append(node)

    _run(Step(f"remove {worker}", change), _database(home, dsn))
    if dsn is None:
        servers.stop_worker(StackDescription.load(home), gone[0].port, print)


@command.command()
def count(
    shards: Annotated[int, typer.Argument(min=1, max=512, help="The new number of shards.")],
    *,
    load: Load = 0,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Change the number of shards. Writers wait while the rows are copied; nothing is lost."""

    async def change(cluster: Cluster) -> None:
        await changes.change_count(cluster, shards)

    _run(Step(f"shard count {shards}", change), _database(home, dsn), load, home)


@command.command()
def isolate(
    dialog: Annotated[str, typer.Argument(help="Two user ids as 12,345, or the dialog's uuid.")],
    *,
    load: Load = 0,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Give one hot dialog a shard of its own. Writers of its old shard wait while that is copied."""
    dialog_id = _dialog(dialog)

    async def change(cluster: Cluster) -> None:
        await changes.isolate(cluster, dialog_id)

    _run(Step(f"isolate dialog {dialog_id}", change), _database(home, dsn), load, home)


def _dialog(text: str) -> uuid.UUID:
    try:
        if match := re.fullmatch(r"(\d+),(\d+)", text):
            return dialog_id_of(int(match[1]), int(match[2]))
        return uuid.UUID(text)
    except ValueError:
        raise UsageError(f"dialog '{text}': expected two different user ids as 12,345, or a uuid") from None


def _database(home: Path, dsn: str | None) -> Database:
    if dsn is None:
        return StackDescription.load(home).postgres
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise UsageError("--dsn: expected postgresql://user:password@host:port/database")
    return Database(
        parts.hostname,
        parts.port or 5432,
        unquote(parts.username or "postgres"),
        unquote(parts.password or ""),
        parts.path.lstrip("/") or "postgres",
    )


def _show(nodes: list[Node], shard_count: int, job: str | None) -> None:
    table = Table("node", "role", "active", "shards", "MiB", title=f"{shard_count} shards a table")
    for node in nodes:
        role = "coordinator" if node.coordinator else "worker" if node.wanted else "worker, drained"
        table.add_row(
            node.name, role, "yes" if node.active else "NO", str(node.shards), f"{node.bytes / 2**20:.1f}"
        )
    Console().print(table)
    print(f"skew of bytes {skew(nodes):.2f} (1.00 is even); newest rebalance: {job or 'none yet'}")


def _run(step: Step, database: Database, load: float = 0, home: Path = DEFAULT_HOME) -> None:
    """One change from its checks to its page. Raises VoidResult when messages were lost meanwhile."""
    account, record = asyncio.run(_changed(step, database, load, home))
    for name, value in rows(account, record):
        print(f"{name:<28}{value}")
    name = re.sub(r"\W+", "-", step.what)
    page = RESULTS / f"shards-{name}-{datetime.now():%Y%m%d-%H%M%S}.html"
    print(f"{'report':<28}{write_page(account, record, page)}")
    if account.lost_after > account.lost_before:
        raise VoidResult(f"{account.lost_after - account.lost_before} messages were lost during: {step.what}")
    if record is not None and not record.ledger.clean:
        raise VoidResult("the ledger of the load is not clean: " + "; ".join(record.ledger.examples[:2]))


async def _changed(
    step: Step, database: Database, load: float, home: Path
) -> tuple[Account, RunRecord | None]:
    watching, working = await Cluster.connect(database), await Cluster.connect(database)
    stop = asyncio.Event()
    try:
        if step.check is not None:
            await step.check(working)
        loading = await _loading(load, home, stop)
        account = await watched(watching, step.what, step.change(working), _progress())
        stop.set()
        return account, None if loading is None else await loading
    finally:
        stop.set()
        await watching.close()
        await working.close()


RESULTS = DEFAULT_HOME.parent / "results"
LOAD_LIMIT_SECONDS = 3600.0
CALM_SECONDS = 3.0  # of load before the change, so that "during" has a "before"


async def _loading(rate: float, home: Path, stop: asyncio.Event) -> asyncio.Task[RunRecord] | None:
    """A load beside the change, until `stop`; None when none is wanted."""
    if not rate:
        return None
    from lab.load.run import run_load

    plan = LoadPlan(
        stack=StackDescription.load(home), rate=rate, duration=LOAD_LIMIT_SECONDS, warm_up=1, retries=2
    )
    begun = asyncio.Event()
    task = asyncio.create_task(run_load(plan, on_second=lambda second: begun.set(), stop=stop))
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
        raise LabError("the load ended before it began")
    await asyncio.sleep(CALM_SECONDS)
    return task


def _progress() -> Tell:
    """Lines over one another on a terminal, one under the other elsewhere."""
    if not sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr)
    return lambda line: print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
