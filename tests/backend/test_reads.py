"""Reads of a real replica: what it gives up is read from the primary."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from backend.metrics import Histogram, Metrics
from backend.pools import Connect, Pool
from backend.reads import FromReplica
from tests.backend.replica import replica_of
from tests.waiting import PATIENCE_SECONDS, eventually

SLOW_THERE = """
SELECT count(*) AS stored, CASE WHEN pg_is_in_recovery() THEN pg_sleep(600)::text END
FROM dialogmessage
"""


@asynccontextmanager
async def pool_of(connect: Connect) -> AsyncIterator[Pool]:
    pool = Pool(connect, 1, PATIENCE_SECONDS, Histogram((1.0,)))
    keeping = asyncio.create_task(pool.keep())
    await eventually(lambda: pool.open)
    yield pool
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_a_read_that_a_replica_gives_up_for_its_replay_is_read_from_the_primary(
    database: str, caplog: Any
):
    """What PostgreSQL calls "canceling statement due to conflict with recovery" (40001)."""
    with replica_of(database) as replica:

        def there() -> Any:
            name = urlsplit(database).path[1:]
            return asyncpg.connect(host=replica.host, port=replica.port, user="postgres", database=name)

        async with pool_of(lambda: asyncpg.connect(database)) as primary, pool_of(there) as copy:
            await copy.fetch("ALTER SYSTEM SET max_standby_streaming_delay = 0")
            await copy.fetch("SELECT pg_reload_conf()")
            read = asyncio.create_task(FromReplica(primary, copy, Metrics()).fetch(1, SLOW_THERE))
            watching = await there()

            async def it_reads_there() -> bool:
                sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                return bool(await watching.fetchval(sleeping))

            await eventually(it_reads_there)
            await primary.fetch("DO $$ BEGIN LOCK TABLE dialogmessage; END $$")  # is replayed there
            assert [row["stored"] for row in await asyncio.wait_for(read, PATIENCE_SECONDS)] == [0]
            assert "conflict with recovery" in caplog.text
            await watching.close()
