"""A worker killed under writers: sends to its shards fail, the others go on, nothing acknowledged is lost."""

import asyncio
import os
import signal

import asyncpg
import pytest

from lab.stack.supervision import Supervision
from tests.citus.conftest import Cluster
from tests.citus.writers import gaps, lost, while_writing

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_killed_worker_comes_back_and_nothing_acknowledged_is_lost(cluster: Cluster) -> None:
    cluster.distribute(8)
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 200) AS n"
    )

    async def kill() -> None:
        supervision = Supervision(cluster.home)
        pid = supervision.pids()["worker-1"]
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while not await _answers(cluster):  # noqa: ASYNC110 - it is what is asked
                await asyncio.sleep(0.1)

    written = await while_writing(cluster, kill)
    assert written.errors, "no send failed: was the worker killed?"
    # Connection gone, server starting or ending, or Citus's own words for them: nothing else.
    assert {error[:2] for error in written.errors} <= {"08", "57", "XX"}, set(written.errors)
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0


async def _answers(cluster: Cluster) -> bool:
    """Whether a statement over all shards works again."""
    try:
        connection = await asyncpg.connect(cluster.coordinator.dsn, timeout=5)
        try:
            await connection.fetchval("SELECT count(*) FROM dialogmessage")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError):
        return False
    return True
