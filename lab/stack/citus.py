"""A Citus cluster from host packages: a coordinator and N workers, each a PostgreSQL of its own.

Citus is an extension that a PostgreSQL must offer; the embedded one does not. `find` looks for one.
"""

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg

from lab.errors import StackError
from lab.stack import postgres
from lab.stack.description import Database
from lab.stack.ports import free_ports
from lab.stack.program import Program

MISSING = (
    "no PostgreSQL on this machine offers the Citus extension; install it as "
    "https://docs.citusdata.com/en/stable/installation/single_node.html says, "
    "or use the image: docker compose -f docker-compose-citus.yml up"
)
# Rows move by logical replication; a coordinator's transactions are prepared ones on the workers.
SETTINGS = {
    "shared_preload_libraries": "citus",
    "wal_level": "logical",
    "max_prepared_transactions": "800",  # twice max_connections, as the runbook says
    # A session whose statements go over all shards counts twice at the coordinator, which also connects to
    # itself for the results between two steps.
    "max_connections": "400",
    "max_worker_processes": "32",  # one for each database, and two for each shard that moves
    "wal_retrieve_retry_interval": "200ms",  # each move of a shard waits for it; the default is 5 s
    "shared_buffers": "128MB",
    "citus.node_connection_timeout": "5000",  # ms; a dead worker must not starve the others' callers
    "citus.max_cached_conns_per_worker": "16",
    # A statement over all shards asks a worker's shards one after the other: with the default of 16
    # connections each, a dozen such statements use up the worker's connections, and everybody's sends fail.
    "citus.max_adaptive_executor_pool_size": "1",
}
# Newer minor releases refuse other decoding plugins; splitting a shard uses Citus's own.
OUTPUT_PLUGINS = {"output_plugin_libraries": "pgoutput, test_decoding, citus"}
COORDINATOR = "coordinator"


def find() -> Path | None:
    """The folder of the programs of a PostgreSQL that offers Citus (newest first), or None."""
    candidates = [Path(path) for path in (shutil.which("pg_config"),) if path]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_config"), reverse=True)
    candidates += sorted(Path("/usr").glob("pgsql-*/bin/pg_config"), reverse=True)
    for pg_config in candidates:
        sharedir, bindir = (
            subprocess.run([pg_config, flag], capture_output=True, text=True, check=False).stdout.strip()
            for flag in ("--sharedir", "--bindir")
        )
        if sharedir and (Path(sharedir) / "extension" / "citus.control").exists():
            return Path(bindir)
    return None


def plan_cluster(folder: Path, port: int, workers: int) -> tuple[list[Program], Database]:
    """A coordinator on `port` and its workers, with their data below `folder`. Raises StackError.

    Also returns how to reach the coordinator; it counts as well once every worker is registered with it.
    """
    binaries = find()
    if binaries is None:
        raise StackError(MISSING)
    ports = [port, *free_ports(workers)]
    password = secrets.token_hex(16)
    databases: list[Database] = []
    programs: list[Program] = []
    for number, node_port in enumerate(ports):
        name = f"worker-{number}" if number else COORDINATOR
        program, database = plan_node(folder / name, name, node_port, password, binaries)
        databases.append(database)
        programs.append(program)
    coordinator, *others = databases
    joined = replace(programs[0], order=programs[0].order + 1, check=lambda: join(coordinator, others))
    return [joined, *programs[1:]], coordinator


def plan_node(folder: Path, name: str, port: int, password: str, binaries: Path) -> tuple[Program, Database]:
    """One node of a cluster: its data folder is made here, its extension by `join`."""
    folder.mkdir(mode=0o711)
    database = postgres.make_data_folder(
        folder, port, password=password, binaries=binaries, locale=("--locale=C.UTF-8",)
    )
    settings = SETTINGS | (OUTPUT_PLUGINS if _knows_output_plugins(binaries) else {})
    program = postgres.program(database, folder, settings, name=name, binaries=binaries)
    # A node is a client of the others, and clients look for certificates at home.
    return replace(program, environment={"HOME": str(folder)}), database


def join(coordinator: Database, workers: Sequence[Database]) -> str | None:
    """Create the extension everywhere and register the workers. None when done, else what is missing."""
    for database in (coordinator, *workers):
        reason = postgres.ready(database)
        if reason is not None:
            return reason
    return _tried(_join(coordinator, workers))


def prepare(database: Database) -> str | None:
    """Make a node ready to be added to a cluster. None when done, else what is missing."""
    return postgres.ready(database) or _tried(_prepare(database))


def _tried(work: Coroutine[None, None, None]) -> str | None:
    try:
        asyncio.run(work)
    except (OSError, asyncpg.PostgresError) as error:
        return f"{type(error).__name__}: {error}"
    return None


async def _join(coordinator: Database, workers: Sequence[Database]) -> None:
    for database in (*workers, coordinator):
        await _prepare(database)
    connection = await asyncpg.connect(coordinator.dsn)
    try:
        await connection.execute(
            "SELECT citus_set_coordinator_host($1, $2)", coordinator.host, coordinator.port
        )
        for worker in workers:
            await connection.execute("SELECT citus_add_node($1, $2)", worker.host, worker.port)
    finally:
        await connection.close()


async def _prepare(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS citus")
        # What this node tells every other one (0) and itself (-1) when it connects.
        await connection.execute(
            "INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo)"
            " SELECT node, $1, $2 FROM unnest(ARRAY[0, -1]) AS node ON CONFLICT DO NOTHING",
            database.user,
            f"password={database.password}",
        )
    finally:
        await connection.close()


def _knows_output_plugins(binaries: Path) -> bool:
    asked = subprocess.run(
        [binaries / "postgres", "--describe-config"], capture_output=True, text=True, check=False
    )
    return "output_plugin_libraries\t" in asked.stdout
