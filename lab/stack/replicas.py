"""Streaming replicas of the embedded PostgreSQL: set up, watched, promoted, brought back.

A promotion keeps the primary's address, as a moved address or a proxy would: the program `postgres`
serves the data folder that was the replica's from then on, and `replica-N` the old primary's, rewound.
"""

import asyncio
import json
import os
import pwd
import re
import shlex
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import asyncpg

from lab.errors import StackError, UsageError
from lab.stack import postgres
from lab.stack.description import Database, StackDescription
from lab.stack.program import Program
from lab.stack.supervision import Supervision, Tell

PRIMARY = "postgres"  # the program's name, whatever data folder it serves
Replication = Literal["async", "first_1", "any_1"]
REPLICATIONS: tuple[str, ...] = get_args(Replication)
# A standby answers what it was asked for up to this long before it goes on replaying.
SETTINGS = {"max_standby_streaming_delay": "5s", "hot_standby": "on"}
READY_SECONDS = 30.0


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


def plan_replica(folder: Path, name: str, port: int, primary: Database) -> tuple[Program, Database]:
    """A replica in `folder`; it copies the primary when it starts for the first time."""
    folder.mkdir(mode=0o711)
    for part, mode in (("data", 0o700), ("socket", 0o711)):
        (folder / part).mkdir(mode=mode)
        if user := postgres.unprivileged_user():
            entry = pwd.getpwnam(user)
            os.chown(folder / part, entry.pw_uid, entry.pw_gid)
    socket = str(folder / "socket") if primary.socket else None
    database = replace(primary, port=port, socket=socket)
    served = postgres.program(database, folder, SETTINGS, name=name)
    copy = [
        str(postgres.BINARIES / "pg_basebackup"),
        f"--pgdata={folder / 'data'}",
        f"--dbname={_conninfo(primary, name)}",
        "--write-recovery-conf",
        "--checkpoint=fast",
    ]
    script = f"test -f {shlex.quote(str(folder / 'data' / 'PG_VERSION'))} || {shlex.join(copy)} || exit 1\n"
    script += f"exec {shlex.join(served.command)}"
    # After the primary, before the services.
    return replace(served, command=["/bin/sh", "-c", script], order=served.order + 1), database


def _conninfo(primary: Database, name: str) -> str:
    return (
        f"host={primary.host} port={primary.port} user={primary.user} password={primary.password}"
        f" application_name={_standby_name(name)}"
    )


def _standby_name(name: str) -> str:
    return name.replace("-", "_")  # without quotes in synchronous_standby_names


# --- looking


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


# --- promoting


@dataclass(frozen=True)
class Promotion:
    """What a promotion took. Seconds count from the primary's end; bytes are of its log."""

    name: str
    planned: bool
    down_seconds: float
    lost_bytes: int
    rejoin_seconds: float


def promote(stack: StackDescription, name: str, planned: bool, tell: Tell) -> Promotion:
    """End the primary, make replica `name` the primary at the same address, bring the old one back.

    planned: the primary stops in order and hands over everything; otherwise it is killed, and what the
    replica had not received is lost unless commits waited for it. Raises StackError.
    """
    numbers = {f"replica-{number}": number for number in range(1, len(stack.replicas) + 1)}
    if name not in numbers:
        raise UsageError(
            f"replica '{name}': expected one of {', '.join(numbers) or '(none: lab up --replicas 1)'}"
        )
    standby = stack.replicas[numbers[name] - 1]
    supervision = Supervision(stack.home)
    old, new = _folder(supervision, PRIMARY), _folder(supervision, name)
    begin = time.monotonic()
    if planned:
        supervision.stop_program(PRIMARY)
    else:
        _kill(supervision)
    tell("the primary is gone")
    supervision.stop_program(name)
    _serve(supervision, PRIMARY, new)
    _start(supervision, PRIMARY, stack.postgres, tell)
    asyncio.run(_promote(stack.postgres))
    down = time.monotonic() - begin
    tell(f"{name}'s data is served as the primary after {down:.1f} s")
    lost = _end_of_log(old) - _fork(new)
    _rewind(old, stack.postgres, name)
    _serve(supervision, name, old)
    _start(supervision, name, standby, tell)
    tell(f"the old primary is back as {name}")
    return Promotion(name, planned, down, max(0, lost), time.monotonic() - begin - down)


def _spec(supervision: Supervision, name: str) -> Path:
    return supervision.home / "programs" / f"{name}.json"


def _folder(supervision: Supervision, name: str) -> Path:
    return Path(json.loads(_spec(supervision, name).read_text())["folder"])


def _serve(supervision: Supervision, name: str, folder: Path) -> None:
    """Let a program serve the data in `folder` from its next start on, at the address it has."""
    path = _spec(supervision, name)
    spec = json.loads(path.read_text())
    before = f"{spec['folder']}/data"
    spec["command"] = [
        # The data folder only: the socket's folder is part of the address.
        re.sub(rf"{re.escape(before)}(?=[\s'/]|$)", f"{folder}/data", word)
        for word in spec["command"]
    ]
    spec["folder"] = str(folder)
    path.write_text(json.dumps(spec, indent=1))


def _kill(supervision: Supervision) -> None:
    # Frozen first: between the supervisor's stop, which keeps it from starting it again, and the kill
    # it would else begin to shut down in order.
    pid = supervision.pids()[PRIMARY]
    os.kill(pid, signal.SIGSTOP)
    supervision.rpc().supervisor.stopProcess(PRIMARY, False)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while supervision.rpc().supervisor.getProcessInfo(PRIMARY)["statename"] == "STOPPING":
        time.sleep(0.01)


def _start(supervision: Supervision, name: str, database: Database, tell: Tell) -> None:
    program = Program(name, "postgres", [], check=lambda: postgres.ready(database))
    supervision.start_programs([program], tell)


async def _promote(database: Database) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database.dsn, timeout=5)
    try:
        if not await connection.fetchval(f"SELECT pg_promote(true, {READY_SECONDS:.0f})"):
            raise StackError("the replica was not promoted within 30 s")
        # Cursors of the old primary may count messages that are gone.
        await connection.execute("SET synchronous_commit = local")
        await connection.execute("UPDATE database_epoch SET epoch = gen_random_uuid()")
    except asyncpg.UndefinedTableError:
        pass  # no service has made the tables yet
    finally:
        await connection.close()


def _rewind(folder: Path, primary: Database, name: str) -> None:
    postgres.run_as_server(
        [
            postgres.BINARIES / "pg_rewind",
            f"--target-pgdata={folder / 'data'}",
            f"--source-server={_conninfo(primary, name)} dbname={primary.database}",
            "--write-recovery-conf",
        ],
        folder,
    )


def _end_of_log(folder: Path) -> int:
    """Where the log in a data folder ends, in bytes, counted on the disk: a killed server told nobody."""
    control = _control(folder)
    start = control["Latest checkpoint's REDO location"]
    timeline = control["Latest checkpoint's TimeLineID"]
    said = postgres.run_as_server(
        [
            postgres.BINARIES / "pg_waldump",
            "--path",
            folder / "data" / "pg_wal",
            "--timeline",
            timeline,
            "--start",
            start,
        ],
        folder,
        fails=True,  # it ends with an error where the log ends
    )
    found = re.findall(r"lsn: ([0-9A-F]+/[0-9A-F]+)", said)
    return _bytes(found[-1] if found else start)


def _fork(folder: Path) -> int:
    """Where the timeline that a promotion began leaves the one before it, in bytes."""
    history = sorted((folder / "data" / "pg_wal").glob("*.history"))[-1].read_text()
    return _bytes(history.strip().splitlines()[-1].split()[1])


def _control(folder: Path) -> Mapping[str, str]:
    said = postgres.run_as_server([postgres.BINARIES / "pg_controldata", folder / "data"], folder)
    return {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in said.splitlines())
    }


def _bytes(position: str) -> int:
    high, low = position.split("/")
    return (int(high, 16) << 32) + int(low, 16)
