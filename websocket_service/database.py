"""The service's few connections to PostgreSQL, and its idea of the database's clock and epoch."""

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from websocket_service.settings import Settings
from wire.message import DialogMessage

POOL_SIZE = 4
CONNECT_SECONDS = 3.0
CLOSE_SECONDS = 1.0
STATEMENT_SECONDS = 5.0
ANSWER_SECONDS = 7.0
# A send's statement ends after 5 s (backend/connections.py): what was created longer ago than this is
# committed or never will be.
LATE_COMMIT_SECONDS = 10.0

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
AWAY = (
    OSError,  # TimeoutError's parent
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg, when the connection broke between two steps of a statement
)


class DatabaseAway(Exception):
    """The database did not answer, or refused; str(error) says how."""


def load_queries() -> dict[str, str]:
    """Name -> statement of queries.sql."""
    _, *parts = _NAME.split(Path(__file__).with_name("queries.sql").read_text())
    names, bodies = parts[::2], parts[1::2]
    return {name: body.strip().removesuffix(";") for name, body in zip(names, bodies, strict=True)}


class Database:
    """Asks by the name of a query; raises DatabaseAway. Connects when first asked, and again as needed."""

    def __init__(self, settings: Settings) -> None:
        self.queries = load_queries()
        self.epoch = ""  # empty until the database was heard once
        self.answering = False
        self.asked = 0  # queries so far
        self._ahead = 0.0  # its clock minus our monotonic one: at most this much, never more
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective; asyncpg takes a host that begins with / for a folder."""
        unix = self._settings.postgres_host.startswith("/")
        return {"database_transport": "unix" if unix else "tcp"}

    async def open(self) -> None:
        """Make the pool; no connection is opened yet."""
        settings = self._settings
        self._pool = await asyncpg.create_pool(
            host=settings.postgres_host,
            port=settings.postgres_port,
            user=settings.postgres_user,
            password=settings.postgres_password or None,
            database=settings.postgres_db,
            min_size=0,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            server_settings={
                "application_name": settings.service_id,
                "statement_timeout": f"{STATEMENT_SECONDS:g}s",
                # Compiling, or starting parallel workers (30 ms and more), takes longer than any query here.
                "jit": "off",
                "max_parallel_workers_per_gather": "0",
                "enable_seqscan": "off",  # arrays of users: the planner cannot know how few rows they hit
            },
        )

    async def close(self) -> None:
        """Let go of the connections; one that is still busy is cut."""
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._pool.close()

    async def fetch(self, name: str, *values: Any) -> "list[asyncpg.Record]":
        """Rows of a query. Raises DatabaseAway."""
        assert self._pool is not None
        self.asked += 1
        try:
            rows = await self._pool.fetch(self.queries[name], *values, timeout=ANSWER_SECONDS)
        except AWAY as error:
            self.answering = False
            raise DatabaseAway(f"{name}: {str(error) or type(error).__name__}") from None
        self.answering = True
        return rows

    async def messages(self, name: str, *values: Any) -> list[DialogMessage]:
        """Rows of a query as messages."""
        return [DialogMessage(*row) for row in await self.fetch(name, *values)]

    async def messages_in_ranges(self, ranges: Sequence[tuple[UUID, int, int]]) -> list[DialogMessage]:
        """Messages by (dialog, first seq, last seq), in order within each dialog."""
        dialogs, first, last = zip(*ranges, strict=True)
        messages = await self.messages("messages_in_ranges", dialogs, first, last)
        messages.sort(key=lambda message: (message.dialog_id.int, message.seq))
        return messages

    async def look(self) -> tuple[str, float]:
        """Epoch and time of the database, just now."""
        (row,) = await self.fetch("database_now")
        # The answer is already some time old, so our idea of its clock is late, never early.
        self._ahead = row["now"] - time.monotonic()
        self.epoch = row["epoch"]
        return row["epoch"], row["now"]

    @property
    def now(self) -> float:
        """The database's clock (unix seconds), a little late, never early."""
        return self._ahead + time.monotonic()

    @property
    def settled(self) -> float:
        """What was created before this time is committed, or never will be."""
        return self.now - LATE_COMMIT_SECONDS

    @property
    def epoch_bytes(self) -> bytes:
        """The epoch as cursors carry it."""
        return hashlib.sha256(self.epoch.encode()).digest()[:8]
