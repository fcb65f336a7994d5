"""How often, and how long, commits waited until PostgreSQL's log was on the disk: asked of PostgreSQL."""

import asyncpg

from lab.errors import StackError
from lab.experiments.counting import Counters

CONNECT_SECONDS = 5.0
# Of connections only: with synchronous_commit=off the WAL writer syncs the log, and nobody waits for it.
ASKED = (
    "SELECT coalesce(sum(fsyncs), 0)::float, coalesce(sum(fsync_time), 0)::float / 1000"
    " FROM pg_stat_io WHERE object = 'wal' AND backend_type = 'client backend'"
)


async def log_syncs(dsn: str) -> Counters:
    """Since it began; none from before PostgreSQL 18, which does not tell. Raises StackError.

    A connection tells what it counted once a second, so of a trial of some seconds an edge may be missing, of
    the count and of the time alike.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(f"PostgreSQL does not tell how long it waited for the disk: {error}") from None
    try:
        ((count, seconds),) = await connection.fetch(ASKED)
    except asyncpg.UndefinedTableError:  # before PostgreSQL 16
        return Counters()
    finally:
        await connection.close()
    return Counters(log_syncs=count, log_sync_seconds=seconds)
