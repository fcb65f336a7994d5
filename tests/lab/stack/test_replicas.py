"""Streaming replicas of a real PostgreSQL: they follow, take over, and come back."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from lab.errors import UsageError
from lab.stack import modes, promotion, replicas
from lab.stack.description import Database, StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request
from lab.stack.supervision import Supervision

pytestmark = [pytest.mark.stack, pytest.mark.integration, pytest.mark.timeout(400)]


def only_servers(request: Request) -> Plan:
    real = modes.plan(request)
    return Plan([program for program in real.programs if program.kind == "postgres"], real.description)


@pytest.fixture(params=["async", "first_1"])
def stack(request: pytest.FixtureRequest) -> Iterator[StackDescription]:
    with tempfile.TemporaryDirectory(prefix="lab-test-replicas-") as name:
        wanted = Request(Path(name) / "home", "multi", 1, 1, replicas=2, replication=request.param)
        with running(wanted, planner=only_servers) as description:
            yield description


def ask(database: Database, statement: str) -> list[tuple[object, ...]]:
    async def go() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(database.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(go())


def numbers(database: Database) -> list[int]:
    return [row[0] for row in ask(database, "SELECT n FROM counted ORDER BY n")]  # type: ignore[misc]


def replayed(stack: StackDescription, name: str) -> None:
    """Wait until a replica shows what the primary has."""
    (position,) = ask(stack.postgres, "SELECT pg_current_wal_lsn()::text")[0]
    there = stack.replicas[int(name[-1]) - 1]

    async def go() -> None:
        connection = await asyncpg.connect(there.dsn)
        try:
            async with asyncio.timeout(90):
                while not await connection.fetchval(  # noqa: ASYNC110 - the server tells nobody
                    f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
                ):
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    asyncio.run(go())


def test_replicas_follow_take_over_and_come_back(stack):
    ask(stack.postgres, "CREATE TABLE counted AS SELECT generate_series(1, 1000) AS n")
    for name in ("replica-1", "replica-2"):
        replayed(stack, name)
    assert numbers(stack.replicas[0]) == list(range(1, 1001))
    deadline = time.monotonic() + 60
    while (states := [one.state for one in asyncio.run(replicas.look(stack))]) != ["streaming"] * 2:
        assert time.monotonic() < deadline, states
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        ask(stack.replicas[0], "INSERT INTO counted VALUES (0)")

    # Killed: what a commit waited for is there; then planned, by the other one: everything is there.
    first = promotion.promote(stack, "replica-1", planned=False, tell=print)
    assert first.down_seconds > 0
    if stack.postgres and _synchronous(stack):
        assert numbers(stack.postgres) == list(range(1, 1001))
    ask(stack.postgres, "INSERT INTO counted VALUES (2000)")
    second = promotion.promote(stack, "replica-2", planned=True, tell=print)
    assert second.lost_bytes == 0
    assert numbers(stack.postgres)[-1] == 2000

    # The old primaries follow the new one.
    ask(stack.postgres, "INSERT INTO counted VALUES (3000)")
    for name, database in zip(("replica-1", "replica-2"), stack.replicas, strict=True):
        replayed(stack, name)
        assert numbers(database)[-1] == 3000
    assert ask(stack.postgres, "SELECT pg_is_in_recovery()") == [(False,)]


def _synchronous(stack: StackDescription) -> bool:
    return "sync" in {one.sync for one in asyncio.run(replicas.look(stack))}


def test_what_a_killed_primary_had_not_sent_on_is_lost_and_counted():
    with tempfile.TemporaryDirectory(prefix="lab-test-replicas-") as name:
        wanted = Request(Path(name) / "home", "multi", 1, 1, replicas=1)
        with running(wanted, planner=only_servers) as stack:
            ask(stack.postgres, "CREATE TABLE counted AS SELECT 1 AS n")
            replayed(stack, "replica-1")
            # The replica is away, then a write: only the primary has it.
            Supervision(stack.home).stop_program("replica-1")
            ask(stack.postgres, "INSERT INTO counted SELECT generate_series(2, 5000)")
            promoted = promotion.promote(stack, "replica-1", planned=False, tell=print)
            assert promoted.lost_bytes > 100_000
            assert numbers(stack.postgres) == [1]
            replayed(stack, "replica-1")
            assert numbers(stack.replicas[0]) == [1]


def test_who_has_more_of_the_log_is_promoted_whoever_was_named():
    """With ANY 1 a commit may be on one replica only: the other one would lose what was acknowledged."""
    with tempfile.TemporaryDirectory(prefix="lab-test-replicas-") as name:
        wanted = Request(Path(name) / "home", "multi", 1, 1, replicas=2, replication="any_1")
        with running(wanted, planner=only_servers) as stack:
            ask(stack.postgres, "CREATE TABLE counted AS SELECT 1 AS n")
            for one in ("replica-1", "replica-2"):
                replayed(stack, one)
            behind = stack.replicas[0]
            ((conninfo,),) = ask(behind, "SHOW primary_conninfo")
            ask(behind, "ALTER SYSTEM SET primary_conninfo = ''")
            ask(behind, "SELECT pg_reload_conf()")
            while ask(behind, "SELECT 1 FROM pg_stat_wal_receiver"):
                time.sleep(0.05)
            ask(stack.postgres, "INSERT INTO counted VALUES (2)")  # confirmed by replica-2 alone
            promoted = promotion.promote(stack, "replica-1", planned=False, tell=print)
            assert promoted.name == "replica-2"
            assert numbers(stack.postgres) == [1, 2]
            ask(behind, "ALTER SYSTEM SET primary_conninfo = '" + str(conninfo).replace("'", "''") + "'")
            ask(behind, "SELECT pg_reload_conf()")
            replayed(stack, "replica-1")
            assert numbers(behind) == [1, 2]


def test_an_unknown_replica_is_named_with_those_that_are_there(tmp_path):
    database = Database("127.0.0.1", 1, "u", "p", "d")
    stack = StackDescription("multi", tmp_path, [], [], database, "secret", replicas=[database])
    with pytest.raises(UsageError, match="expected one of replica-1"):
        promotion.promote(stack, "replica-9", planned=False, tell=print)
    with pytest.raises(UsageError, match="lab up --replicas 1"):
        promotion.promote(replace(stack, replicas=[]), "replica-1", planned=False, tell=print)


def test_a_commit_waits_for_whom_the_setting_says():
    assert replicas.primary_settings("async", 2) == {}
    assert replicas.primary_settings("any_1", 0) == {}
    assert replicas.primary_settings("first_1", 2) == {
        "synchronous_standby_names": "FIRST 1 (replica_1, replica_2)"
    }
    assert replicas.primary_settings("any_1", 1) == {"synchronous_standby_names": "ANY 1 (replica_1)"}


@pytest.mark.parametrize("replication", ["first_1", "any_1"])
def test_a_commit_that_shall_wait_for_nobody_is_refused(tmp_path, replication):
    wanted = Request(tmp_path / "home", "multi", replication=replication)
    with pytest.raises(UsageError, match=f"--replication {replication}: needs --replicas 1 or 2"):
        modes.plan(wanted)
    assert not wanted.home.exists()
