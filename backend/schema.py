"""Tables, indexes and functions, made by themselves before the service is ready."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from backend.pools import AWAY, Connect
from backend.settings import Settings
from wire.effective import on_or_off

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parents[1] / "citus"
FILES = ("noop.sql", "schema.sql", "distribute.sql")
# It is there and will not have us: waiting does not help.
REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
LOCK = 7200  # of the advisory lock: several processes start at once
STATEMENT_TIMEOUT = "60s"  # distributing takes seconds


class DatabaseRefuses(Exception):
    """Wrong user, password or database; str(error) is one line."""


@dataclass(frozen=True)
class DatabaseFacts:
    """What this process found out about its database and the sessions that it gets there."""

    citus: bool
    durability: str  # synchronous_commit as the session has it
    fsync: str
    standbys: str  # whom a commit waits for (synchronous_standby_names); "" for nobody
    prepared: bool  # statements stay prepared in a session
    by_socket: bool
    # Of the messages as they are: the settings count for new tables only. "none" and 0 on plain PostgreSQL.
    shard_key: str
    shard_count: int

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {
            "database": "citus" if self.citus else "postgres",
            "durability": self._durability,
            "fsync": self.fsync,
            "synchronous_standbys": self.standbys or "none",
            "prepared_statements": on_or_off(self.prepared),
            "database_transport": "unix" if self.by_socket else "tcp",
            "shard_key": self.shard_key,
            "shard_count": self.shard_count,
        }

    @property
    def _durability(self) -> str:
        """Without a synchronous standby PostgreSQL takes remote_apply and waits for the disk alone."""
        return "on" if self.durability == "remote_apply" and not self.standbys else self.durability


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
    """Make the tables as soon as the database lets us, then say what it is. Raises DatabaseRefuses."""
    pause = 0.05
    while True:  # until the database is there
        try:
            await make_tables(connect, settings)
            connection = await connect()
            try:
                citus = await connection.fetchval(queries["is_distributed"])
                row = await connection.fetchrow(queries["effective_in_session"])
                assert row is not None
                sharding = await connection.fetchrow(queries["sharding"]) or ("none", 0)
                return DatabaseFacts(citus, *row, *sharding)
            finally:
                connection.terminate()
        except AWAY as error:
            logger.warning("no tables yet: %s", str(error) or type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        except REFUSED as error:
            raise DatabaseRefuses(
                f"PostgreSQL at {settings.postgres_host}:{settings.postgres_port} refuses: {error}; set"
                " POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB. A data folder or volume keeps the password"
                " with which it was made."
            ) from None
