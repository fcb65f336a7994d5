"""Tables, indexes and functions, made by themselves before the service is ready."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from backend.pools import AWAY, Connect
from backend.settings import Settings

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parents[1] / "citus"
FILES = ("noop.sql", "schema.sql", "distribute.sql")
LOCK = 7200  # of the advisory lock: several processes start at once
STATEMENT_TIMEOUT = "60s"  # distributing takes seconds


@dataclass(frozen=True)
class DatabaseFacts:
    """What this process found out about its database."""

    citus: bool
    durability: str  # synchronous_commit as the session has it
    fsync: str


async def make_tables(connect: Connect, settings: Settings) -> None:
    """Apply citus/*.sql, unless this very text was applied before.

    Skipped then because CREATE INDEX IF NOT EXISTS waits for writers: a restart under load would be felt.
    """
    texts = [(FOLDER / name).read_text() for name in FILES]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    connection = await connect()
    try:
        await connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        await connection.fetch("SELECT pg_advisory_lock($1)", LOCK)
        if await _applied(connection) == digest:
            return
        await connection.fetch(
            "SELECT set_config('lab.shard_key', $1, false), set_config('lab.shard_count', $2, false)",
            settings.shard_key,
            str(settings.shard_count),
        )
        for text in texts:
            await connection.execute(text)
        await connection.execute(
            "INSERT INTO schema_version (digest) VALUES ($1)"
            " ON CONFLICT (one_row) DO UPDATE SET digest = EXCLUDED.digest",
            digest,
        )
    finally:
        connection.terminate()  # and with it the lock


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("SELECT to_regclass('schema_version')") is None:
        return None
    value: str | None = await connection.fetchval("SELECT digest FROM schema_version")
    return value


async def prepare(connect: Connect, settings: Settings, queries: dict[str, str]) -> DatabaseFacts:
    """Make the tables as soon as the database lets us, then say what it is."""
    pause = 0.05
    while True:
        try:
            await make_tables(connect, settings)
            connection = await connect()
            try:
                citus = await connection.fetchval(queries["is_distributed"])
                row = await connection.fetchrow(queries["effective_durability"])
                assert row is not None
                return DatabaseFacts(citus, row[0], row[1])
            finally:
                connection.terminate()
        except AWAY as error:
            logger.warning("no tables yet: %s", error or type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
