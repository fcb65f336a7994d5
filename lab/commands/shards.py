"""`lab shards`: look at a Citus cluster and change it under load."""

import asyncio
import re
import sys
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlsplit

import typer

from lab.errors import UsageError
from lab.shards import servers, steps
from lab.shards.account import rows, write_page
from lab.shards.answers import answered
from lab.shards.backup import dump, refuse_unless_empty, restore
from lab.shards.cluster import Cluster
from lab.shards.listing import show
from lab.shards.meanwhile import Load
from lab.shards.steps import Step, changed, judge
from lab.shards.walk import save, walk
from lab.shards.watch import Account, Tell
from lab.stack.description import DEFAULT_HOME, Database, StackDescription
from wire.message import dialog_id_of

Home = Annotated[Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")]
Dsn = Annotated[
    str | None,
    typer.Option(
        help="postgresql://user:password@host:port/database", show_default="the running stack's coordinator"
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        "--load",
        min=0,
        max=5000,
        help="Messages a second sent meanwhile, with reads beside them and the ledger on; 0: none.",
    ),
]
AROUND_SECONDS = 10.0  # of the load before the change, to compare with, and after it
Worker = Annotated[str, typer.Argument(help="host:port (or the port alone) of the worker.")]
T = TypeVar("T")
BackupFile = Annotated[Path, typer.Argument(help="The file.")]
RESULTS = DEFAULT_HOME.parent / "results"


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

    async def look(cluster: Cluster) -> None:
        nodes, moves = await cluster.nodes(), await cluster.moves()
        show(nodes, await cluster.shard_count(), await cluster.job(), moves)

    asyncio.run(_with_cluster(_database(home, dsn), look))


@command.command()
def add(
    *,
    server: Annotated[
        str | None,
        typer.Option(
            help="host:port of a server that runs already and has the extension; default: start one here."
        ),
    ] = None,
    load: Rate = 0,
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
    _run(steps.add(host, port), database, Load(load, AROUND_SECONDS, home))


@command.command()
def rebalance(*, load: Rate = 0, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Even out the bytes over the workers; reads and writes go on. Watches one that runs already."""
    _run(steps.rebalance(), _database(home, dsn), Load(load, AROUND_SECONDS, home))


@command.command()
def drain(
    worker: Worker,
    *,
    load: Rate = 0,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Move every shard off a worker; reads and writes go on.

    Interrupted by Ctrl-C, what has moved stays moved, and the worker may have shards again.
    """
    _run(steps.drain(worker), _database(home, dsn), Load(load, AROUND_SECONDS, home))


@command.command()
def remove(worker: Worker, *, load: Rate = 0, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Take a drained worker out of the cluster, and stop its server where this stack runs it.

    One that is out of the cluster already (step 9 of the runbook by hand) is stopped.
    """
    if dsn is None and _stopped(worker, StackDescription.load(home)):
        return
    account = _run(steps.remove(worker), _database(home, dsn), Load(load, AROUND_SECONDS, home))
    left = {node.port for node in account.samples[-1].nodes}
    for node in account.samples[0].nodes:
        if dsn is None and node.port not in left:
            servers.stop_worker(StackDescription.load(home), node.port, print)


@command.command()
def count(
    shards: Annotated[int, typer.Argument(min=1, max=512, help="The new number of shards.")],
    *,
    load: Rate = 0,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Change the number of shards. Writers wait while the rows are copied; nothing is lost."""
    _run(steps.count(shards), _database(home, dsn), Load(load, AROUND_SECONDS, home))


@command.command()
def isolate(
    dialog: Annotated[str, typer.Argument(help="Two user ids as 12,345, or the dialog's uuid.")],
    *,
    load: Rate = 0,
    home: Home = DEFAULT_HOME,
    dsn: Dsn = None,
) -> None:
    """Give one hot dialog a shard of its own. Writers of its old shard wait while that is copied."""
    _run(steps.isolate(_dialog(dialog)), _database(home, dsn), Load(load, AROUND_SECONDS, home))


@command.command()
def crash(
    worker: Worker,
    *,
    away: Annotated[float, typer.Option(min=0, max=300, help="Seconds until it is started again.")] = 5,
    load: Rate = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Kill a worker's server of this stack, start it again, and see which sends failed meanwhile."""
    stack = StackDescription.load(home)
    _run(steps.crash(stack, worker, away), stack.postgres, Load(load, AROUND_SECONDS, home))


@command.command()
def backup(file: BackupFile, *, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Copy users, dialogs and messages to a file, before a change; writers go on."""
    if file.exists():
        raise UsageError(f"{file} exists already: expected a new file")
    database = _database(home, dsn)
    seconds, size = asyncio.run(_with_cluster(database, lambda cluster: dump(cluster, database, file)))
    print(f"{file}: {size / 2**20:.1f} MiB in {seconds:.1f} s; back with lab shards restore {file}")


@command.command("restore")
def restore_command(file: BackupFile, *, home: Home = DEFAULT_HOME, dsn: Dsn = None) -> None:
    """Read such a file into an empty cluster of any size. Clients' positions begin anew.

    The services of a stack on this host are stopped meanwhile; others must be stopped before.
    """
    if not file.is_file():
        raise UsageError(f"{file}: expected a file that lab shards backup wrote")
    database = _database(home, dsn)
    asyncio.run(_with_cluster(database, refuse_unless_empty))
    stack = None if dsn else StackDescription.load(home)
    with servers.without_services(stack, print) if stack and stack.mode == "citus" else nullcontext():
        messages, seconds = asyncio.run(
            _with_cluster(database, lambda cluster: restore(cluster, database, file))
        )
    print(f"{messages:,} messages are back after {seconds:.1f} s")


def _stopped(worker: str, stack: StackDescription) -> bool:
    """Whether it was a server of this stack that is no node any more, and is stopped now."""
    nodes = asyncio.run(_with_cluster(stack.postgres, lambda cluster: cluster.nodes()))
    port = worker.rpartition(":")[2]
    if any(node.called(worker) for node in nodes) or not port.isdecimal():
        return False
    return servers.stop_worker(stack, int(port), print)


async def _with_cluster(database: Database, work: Callable[[Cluster], Awaitable[T]]) -> T:
    cluster = await Cluster.connect(database)
    try:
        with answered("lab shards"):
            return await work(cluster)
    finally:
        await cluster.close()


@command.command("walk")
def walk_command(
    *,
    load: Rate = 100,
    output: Annotated[Path, typer.Option(help="Result file; its page and pictures lie beside it.")] = RESULTS
    / "shards.json",
    home: Home = DEFAULT_HOME,
) -> None:
    """Every change once under load, 2 workers to 3 and back: what each cost, as a page. Some 5 minutes."""
    if not load:
        raise UsageError("--load 0: expected a rate; what users notice is what is measured")
    stack = StackDescription.load(home)
    head, done = walk(stack, Load(load, AROUND_SECONDS, home), f"lab shards walk --load {load:g}", print)
    save(head, done, output)
    print(output.with_suffix(".md"))
    for one in done:
        judge(one.words, one.account, one.beside)


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


def _run(step: Step, database: Database, load: Load | None = None) -> Account:
    """One change from its checks to its page. Raises VoidResult when messages were lost meanwhile."""
    account, beside = asyncio.run(changed(step, database, load, _progress()))
    for name, value in rows(account, beside):
        print(f"{name:<28}{value}")
    name = re.sub(r"\W+", "-", step.what)
    page = RESULTS / f"shards-{name}-{datetime.now():%Y%m%d-%H%M%S}.html"
    print(f"{'report':<28}{write_page(account, beside, page)}")
    judge(step.what, account, beside)
    return account


def _progress() -> Tell:
    """Lines over one another on a terminal, one under the other elsewhere."""
    if not sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr)
    return lambda line: print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
