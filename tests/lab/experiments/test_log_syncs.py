"""What commits waited for the disk is PostgreSQL's own count, and of connections alone."""

import asyncpg
import pytest

from lab.errors import StackError
from lab.experiments.counting import Counters, since
from lab.experiments.log_syncs import log_syncs

COMMITS = 20


async def _commits(dsn: str, durability: str) -> Counters:
    before = await log_syncs(dsn)
    connection = await asyncpg.connect(dsn, server_settings={"synchronous_commit": durability})
    await connection.execute("CREATE TABLE IF NOT EXISTS rows (number int)")
    for number in range(COMMITS):
        await connection.execute(f"INSERT INTO rows VALUES ({number})")
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.close()
    return since(before, await log_syncs(dsn))


async def test_a_commit_that_waits_has_a_sync_and_its_time(database):
    found = await _commits(database, "on")
    assert found.log_syncs >= COMMITS
    told = found.besides(1)
    assert told["log_sync_ms"] == pytest.approx(found.log_sync_seconds / found.log_syncs * 1000)
    assert 0.001 < told["log_sync_ms"] < 1000


async def test_a_commit_that_does_not_wait_has_none(database):
    await _commits(database, "on")  # makes the table, whose files are synced
    found = await _commits(database, "off")
    assert found.log_syncs < COMMITS / 4
    assert "log_sync_ms" not in Counters().besides(1)


async def test_a_database_that_is_away_is_one_line():
    with pytest.raises(StackError, match="does not tell how long it waited"):
        await log_syncs("postgresql://nobody:x@127.0.0.1:1/none")
