"""The danger of step 3 without its locks, the way back, and the cure."""

import asyncio
from functools import partial

import asyncpg
import pytest

from tests.citus.conftest import Cluster
from tests.citus.writers import gaps, lost, while_writing

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
TRIES = 5  # the first was enough in each of 6 tries
# Rows that take a while to copy: what is written meanwhile is what is at stake.
HISTORY = """
INSERT INTO dialog
SELECT ('00000000-0000-07d0-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 2000, n, 50
FROM generate_series(2001, 3000) AS n;
INSERT INTO dialogmessage
SELECT dialog_id, s, gen_random_uuid(), 2000, user_high, repeat('x', 200)
FROM dialog, generate_series(1, 50) AS s;
"""


async def without_locks(cluster: Cluster, count: int) -> None:
    connection = await asyncpg.connect(cluster.coordinator.dsn)
    try:
        await connection.execute(
            f"SELECT alter_distributed_table('dialog', shard_count := {count}, cascade_to_colocated := true)"
        )
    finally:
        await connection.close()


async def test_without_the_locks_dialogs_lose_their_count_with_them_none_does(cluster: Cluster):
    cluster.distribute(8)
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 200) AS n"
    )
    cluster.sql(HISTORY)
    for turn in range(TRIES):
        written = await while_writing(cluster, partial(without_locks, cluster, 6 + turn))
        if broken := await gaps(cluster):
            break
    # dialog is copied first, and what is counted there until the last table is copied goes with the old one.
    assert broken
    assert any(error.startswith("23505") for error in written.errors), "a broken dialog took its next message"

    await asyncio.to_thread(cluster.psql, "11")  # the way back: each dialog's count from its messages
    assert await gaps(cluster) == 0

    written = await while_writing(cluster, lambda: asyncio.to_thread(cluster.psql, "03", shard_count=16))
    assert not any(error.startswith("23505") for error in written.errors)
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0
