"""Where reads go: to the primary, to a replica, or to a replica that has the reader's own writes.

How READ_ROUTING=replica_ryw knows: twice in a tenth of a second the primary is asked for its position in
the log and the replica for the position that it has replayed. When the replica has reached a position
that the primary gave at time T, all that was answered before T is on the replica. A user whose last write
was later is read from the primary. A process remembers the writes that it answered; for clients that go
from one to another, the answer to a send carries its time in `x-wrote-at`, and a list takes it back.
Times are those of the API processes' clocks, which must agree (one host, or NTP and a margin).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from time import time
from types import MappingProxyType
from typing import Any, Protocol

import asyncpg

from backend.metrics import Metrics
from backend.pools import DatabaseUnavailable, Pool

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
REMEMBERED = 50_000  # writers; for those who fall out the newest of them counts


class Reads(Protocol):
    """`fetch` for a reader; `wrote` when a user's write was answered (unix time; default: now)."""

    async def fetch(self, reader: int, statement: str, *arguments: Any) -> list[asyncpg.Record]: ...

    @property
    def tells(self) -> bool:
        """Whether sends answer with x-wrote-at."""

    def wrote(self, user_id: int, at: float | None = None) -> None: ...

    async def run(self) -> None: ...


class FromPrimary:
    """READ_ROUTING=primary."""

    in_effect = MappingProxyType({"read_routing": "primary"})
    tells = False

    def __init__(self, primary: Pool, metrics: Metrics) -> None:
        self._primary = primary
        self._metrics = metrics

    async def fetch(self, reader: int, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        self._metrics.reads_primary += 1
        return await self._primary.fetch_repeatable(statement, *arguments)

    def wrote(self, user_id: int, at: float | None = None) -> None: ...

    async def run(self) -> None: ...


class FromReplica:
    """READ_ROUTING=replica: whatever the replica has; the primary while the replica is away."""

    in_effect: Mapping[str, object] = MappingProxyType({"read_routing": "replica"})
    tells = False

    def __init__(self, primary: Pool, replica: Pool, metrics: Metrics) -> None:
        self._primary = primary
        self._replica = replica
        self._metrics = metrics

    async def fetch(self, reader: int, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        if self.may_use_replica(reader):
            try:
                rows = await self._replica.fetch(statement, *arguments)
            except DatabaseUnavailable as error:
                logger.warning("replica: %s", error)
            else:
                self._metrics.reads_replica += 1
                return rows
        self._metrics.reads_primary += 1
        return await self._primary.fetch_repeatable(statement, *arguments)

    def may_use_replica(self, reader: int) -> bool:
        """Whether this reader may be given what the replica has; without one connection there, none."""
        return self._replica.open > 0

    def wrote(self, user_id: int, at: float | None = None) -> None: ...

    async def run(self) -> None:
        await self._replica.keep()


class FromReplicaWithOwnWrites(FromReplica):
    """READ_ROUTING=replica_ryw."""

    in_effect = MappingProxyType({"read_routing": "replica_ryw"})

    tells = True

    def __init__(
        self,
        primary: Pool,
        replica: Pool,
        metrics: Metrics,
        *,
        written: Callable[[], Awaitable[int]],
        replayed: Callable[[], Awaitable[int]],
    ) -> None:
        super().__init__(primary, replica, metrics)
        self._written = written
        self._replayed = replayed
        self._wrote_at: dict[int, float] = {}
        self._forgotten_at = 0.0  # the newest write that is no longer remembered
        self._complete_until = 0.0
        self._positions: deque[tuple[float, int]] = deque(maxlen=1200)  # a minute of them

    def may_use_replica(self, reader: int) -> bool:
        wrote_at = self._wrote_at.get(reader, self._forgotten_at)
        return super().may_use_replica(reader) and wrote_at < self._complete_until

    def wrote(self, user_id: int, at: float | None = None) -> None:
        now = time()
        at = min(now, max(at or now, self._wrote_at.pop(user_id, 0.0)))
        if len(self._wrote_at) >= REMEMBERED:
            oldest = next(iter(self._wrote_at))
            self._forgotten_at = max(self._forgotten_at, self._wrote_at.pop(oldest))
        self._wrote_at[user_id] = at

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run(), name="replica pool")
            tasks.create_task(self._watch(), name="replica position")

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except (DatabaseUnavailable, asyncpg.PostgresError) as error:
                logger.warning("replica position: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Ask both for their positions once."""
        asked_at = time()
        self._positions.append((asked_at, await self._written()))
        replayed = await self._replayed()
        while self._positions and self._positions[0][1] <= replayed:
            self._complete_until = self._positions.popleft()[0]
