"""A logical copy of a cluster, and back: pg_dump reads through the coordinator, whatever the shards are."""

import asyncio
import os
import re
import subprocess
import time
from pathlib import Path

from lab.errors import LabError, UsageError
from lab.shards import runbook
from lab.shards.cluster import Cluster
from lab.stack import citus
from lab.stack.description import Database
from lab.stack.postgres import BINARIES

TABLES = ('"user"', "dialog", "dialogmessage")
RESTORED = "11"  # the step of the runbook that ends a restore
CLIENTS = """
SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), 'a client without a name'), ', ')
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name NOT LIKE 'citus%'
"""


def tools(server_version: int) -> Path:
    """The folder of the oldest pg_dump here that is not older than a server (150020: 15.20).

    Older ones refuse a server; newer ones write settings that it may not know. Raises LabError.
    """
    found = {}
    for folder in (citus.find(), BINARIES):
        if folder is not None and (folder / "pg_dump").exists():
            said = subprocess.run(
                [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
            )
            found[int(re.findall(r"\d+", said.stdout)[0])] = folder
    fitting = [major for major in found if major >= server_version // 10000]
    if not fitting:
        raise LabError(f"no pg_dump here is as new as the server's PostgreSQL {server_version // 10000}")
    return found[min(fitting)]


async def dump(cluster: Cluster, database: Database, path: Path) -> tuple[float, int]:
    """Write users, dialogs and messages to a file (pg_dump's custom format). Returns seconds and bytes."""
    begin = time.monotonic()
    words = ["--format=custom", "--data-only", *(f"--table={table}" for table in TABLES), f"--file={path}"]
    await _run(cluster, "pg_dump", words, database)
    return time.monotonic() - begin, path.stat().st_size  # noqa: ASYNC240 - nothing else waits here


async def restore(cluster: Cluster, database: Database, path: Path) -> tuple[int, float]:
    """Read such a file into empty tables. Returns messages and seconds.

    Raises UsageError when the tables are not empty or in use; then, and after any other error, nothing has
    changed.
    """
    await refuse_unless_empty(cluster)
    if clients := await cluster.connection.fetchval(CLIENTS):
        raise UsageError(
            f"in use by {clients}: a restore comes before the services; stop them first "
            "(under compose: docker compose -f docker-compose-citus.yml stop backend websocket)"
        )
    begin = time.monotonic()
    words = ["--data-only", "--exit-on-error", "--single-transaction", f"--dbname={database.database}"]
    await _run(cluster, "pg_restore", [*words, str(path)], database)
    await cluster.connection.execute(runbook.whole(RESTORED))
    return await cluster.messages(), time.monotonic() - begin


async def refuse_unless_empty(cluster: Cluster) -> None:
    """Raises UsageError when there are messages or users: a restore would go over them."""
    for table in TABLES:
        if await cluster.connection.fetchval(f"SELECT 1 FROM {table} LIMIT 1"):
            raise UsageError(f"{table} is not empty: a restore needs a cluster without messages and users")


async def _run(cluster: Cluster, program: str, words: list[str], database: Database) -> None:
    folder = tools(int(await cluster.connection.fetchval("SHOW server_version_num")))
    there = {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": database.user,
        "PGPASSWORD": database.password,
        "PGDATABASE": database.database,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [str(folder / program), *words],
        env=os.environ | there,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise LabError(said[0] if said[0].startswith(program) else f"{program}: {said[0]}")
