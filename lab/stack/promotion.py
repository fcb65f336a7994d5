"""Promoting a replica, and bringing the old primary back as one.

The primary's address stays, as a moved address or a proxy would keep it: the program `postgres` serves
the data folder that was the replica's from then on, and `replica-N` the old primary's, rewound.
"""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from lab.errors import StackError, UsageError
from lab.stack import postgres
from lab.stack.description import Database, StackDescription
from lab.stack.program import Program
from lab.stack.replicas import conninfo, look
from lab.stack.supervision import Supervision, Tell

PRIMARY = "postgres"  # the program's name, whatever data folder it serves
READY_SECONDS = 90.0

RECEIVED = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn"


@dataclass(frozen=True)
class Promotion:
    """What a promotion took. Seconds count from the primary's end; bytes are of its log."""

    name: str
    planned: bool
    down_seconds: float
    lost_bytes: int
    rejoin_seconds: float


def promote(stack: StackDescription, name: str | None, planned: bool, tell: Tell) -> Promotion:
    """End the primary, make replica `name` the primary at the same address, bring the old one back.

    planned: once the replica follows, the primary stops in order and hands over everything; otherwise it
    is killed, and what the replica had not received is lost unless commits waited for it. No name: the
    replica that has most of the log. So it is with a name when another one has more: promoting less would
    lose what that one confirmed (ANY 1), and leave it where it cannot follow. Raises StackError.
    """
    numbers = {f"replica-{number}": number for number in range(1, len(stack.replicas) + 1)}
    if name is None and numbers:
        name = _furthest(stack)[0]
    if name not in numbers:
        raise UsageError(
            f"replica '{name or ''}': expected one of {', '.join(numbers) or '(none: lab up --replicas 1)'}"
        )
    supervision = Supervision(stack.home)
    begin = time.monotonic()
    if planned:
        asyncio.run(_await_follower(stack, name))
        begin = time.monotonic()
        supervision.stop_program(PRIMARY)
    else:
        kill(supervision, PRIMARY)
    tell("the primary is gone")
    furthest, more = _furthest(stack, than=name)
    if more > 0:
        tell(f"{furthest} has {more:,} bytes of the log that {name} has not: {furthest} is promoted")
        name = furthest
    standby = stack.replicas[numbers[name] - 1]
    old, new = _folder(supervision, PRIMARY), _folder(supervision, name)
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


def _furthest(stack: StackDescription, than: str | None = None) -> tuple[str, int]:
    """The replica that has received most of the log, and how many bytes more it has than this one."""

    async def received(database: Database) -> int:
        try:
            connection: asyncpg.Connection[Any] = await asyncpg.connect(database.dsn, timeout=30)
        except (OSError, asyncpg.PostgresError):
            return -1  # not there: it cannot be promoted instead
        try:
            return int(await connection.fetchval(RECEIVED) or 0)
        finally:
            await connection.close()

    async def all_received() -> list[int]:
        return await asyncio.gather(*map(received, stack.replicas))

    found = {f"replica-{number}": end for number, end in enumerate(asyncio.run(all_received()), 1)}
    name = max(found, key=lambda one: found[one])
    return name, found[name] - found[than or name]


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


def kill(supervision: Supervision, name: str) -> None:
    """End a PostgreSQL as a crash would; the supervisor leaves it ended."""
    # Frozen first: between the supervisor's stop, which keeps it from starting it again, and the kill
    # it would else begin to shut down in order.
    pid = supervision.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    supervision.rpc().supervisor.stopProcess(name, False)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while supervision.rpc().supervisor.getProcessInfo(name)["statename"] == "STOPPING":
        time.sleep(0.01)


def _start(supervision: Supervision, name: str, database: Database, tell: Tell) -> None:
    program = Program(name, "postgres", [], check=lambda: postgres.ready(database))
    supervision.start_programs([program], tell)


async def _await_follower(stack: StackDescription, name: str) -> None:
    """An ordered stop hands its log to who is connected: right after a promotion, that is nobody."""
    deadline = time.monotonic() + READY_SECONDS
    while (name, "streaming") not in [(replica.name, replica.state) for replica in await look(stack)]:
        if time.monotonic() > deadline:
            raise StackError(f"{name} does not follow the primary: a planned promotion would lose messages")
        await asyncio.sleep(0.05)


async def _promote(database: Database) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database.dsn, timeout=30)
    try:
        if not await connection.fetchval(f"SELECT pg_promote(true, {READY_SECONDS:.0f})"):
            raise StackError(f"the replica was not promoted within {READY_SECONDS:.0f} s")
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
            f"--source-server={conninfo(primary, name)} dbname={primary.database}",
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
