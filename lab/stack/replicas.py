"""Streaming replicas of the embedded PostgreSQL: set up, and how far behind they are."""

import os
import pwd
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import asyncpg

from lab.errors import StackError
from lab.stack import postgres
from lab.stack.description import Database, StackDescription
from lab.stack.program import Program

Replication = Literal["async", "first_1", "any_1"]
# A standby answers what it was asked for up to this long before it goes on replaying.
# After a promotion it is back at the new primary within that interval.
SETTINGS = {
    "max_standby_streaming_delay": "5s",
    "hot_standby": "on",
    "wal_retrieve_retry_interval": "200ms",
}


def primary_settings(replication: Replication, count: int) -> dict[str, str]:
    """What the primary is told: whom a commit waits for. Empty: for nobody (async)."""
    if replication == "async" or not count:
        return {}
    names = ", ".join(_standby_name(f"replica-{number}") for number in range(1, count + 1))
    return {"synchronous_standby_names": f"{replication.removesuffix('_1').upper()} 1 ({names})"}


def keep_log(folder: Path) -> None:
    """Let a server keep its log for replicas that were away, and for its own way back as one.

    In the file, not on the command line: pg_rewind starts the old primary without ours, to recover it.
    """
    with (folder / "data" / "postgresql.conf").open("a") as out:
        out.write("wal_keep_size = '1GB'\n")


def plan_replica(
    folder: Path, name: str, port: int, primary: Database, settings: Mapping[str, str]
) -> tuple[Program, Database]:
    """A replica in `folder`; it copies the primary when it starts for the first time.

    `settings` are the primary's: a standby with fewer connections than its primary does not start.
    """
    folder.mkdir(mode=0o711)
    for part, mode in (("data", 0o700), ("socket", 0o711)):
        (folder / part).mkdir(mode=mode)
        if user := postgres.unprivileged_user():
            entry = pwd.getpwnam(user)
            os.chown(folder / part, entry.pw_uid, entry.pw_gid)
    socket = str(folder / "socket") if primary.socket else None
    database = replace(primary, port=port, socket=socket)
    served = postgres.program(database, folder, {**settings, **SETTINGS}, name=name)
    copy = [
        str(postgres.BINARIES / "pg_basebackup"),
        f"--pgdata={folder / 'data'}",
        f"--dbname={conninfo(primary, name)}",
        "--write-recovery-conf",
        "--checkpoint=fast",
    ]
    script = f"test -f {shlex.quote(str(folder / 'data' / 'PG_VERSION'))} || {shlex.join(copy)} || exit 1\n"
    script += f"exec {shlex.join(served.command)}"
    # After the primary, before the services.
    return replace(served, command=["/bin/sh", "-c", script], order=served.order + 1), database


def conninfo(primary: Database, name: str) -> str:
    """How replica `name` connects to the primary."""
    return (
        f"host={primary.host} port={primary.port} user={primary.user} password={primary.password}"
        f" application_name={_standby_name(name)}"
    )


def _standby_name(name: str) -> str:
    return name.replace("-", "_")  # without quotes in synchronous_standby_names


@dataclass(frozen=True)
class Replica:
    """How far one replica is. `lag_bytes` of log and `lag_seconds` are None while it is not connected."""

    name: str
    port: int
    state: str
    sync: str
    lag_bytes: int | None
    lag_seconds: float | None


async def look(stack: StackDescription) -> list[Replica]:
    """Every replica of the stack, as the primary sees it. Raises StackError when that is away."""
    try:
        connection = await asyncpg.connect(stack.postgres.dsn, timeout=5)
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(f"the primary does not answer: {error}") from None
    try:
        rows = await connection.fetch(
            "SELECT application_name AS name, state, sync_state,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS behind,"
            " extract(epoch FROM replay_lag)::float AS seconds FROM pg_stat_replication"
        )
    finally:
        await connection.close()
    seen = {row["name"]: row for row in rows}
    found = []
    for number, database in enumerate(stack.replicas, 1):
        row = seen.get(_standby_name(f"replica-{number}"))
        if row is None:
            found.append(Replica(f"replica-{number}", database.port, "not connected", "-", None, None))
        else:
            found.append(
                Replica(
                    f"replica-{number}",
                    database.port,
                    row["state"],
                    row["sync_state"],
                    row["behind"],
                    row["seconds"] or 0.0,  # NULL when nothing was written for a while
                )
            )
    return found
