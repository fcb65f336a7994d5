"""One user's public face: from the database, or from a cache of bounded size and age in front of it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from types import MappingProxyType
from typing import Protocol

from backend.bodies import UserOut
from backend.errors import Refusal
from backend.metrics import Metrics
from backend.reads import Reads

ENTRIES = 10_000  # of a process's own cache; about 5 MB

Load = Callable[[int, int], Awaitable[UserOut | None]]


class UserReader(Protocol):
    """`user` raises Refusal (404)."""

    async def user(self, user_id: int, me: int) -> UserOut: ...

    async def close(self) -> None: ...


def found(user: UserOut | None) -> UserOut:
    """Raises Refusal (404) for nobody."""
    if user is None:
        raise Refusal(404, "There is no such user.")
    return user


class FromDatabase:
    """CACHE=off: asks each time."""

    in_effect = MappingProxyType({"cache": "off"})

    def __init__(self, reads: Reads, query: str) -> None:
        self._reads = reads
        self._query = query

    async def load(self, user_id: int, me: int) -> UserOut | None:
        """The user, or None. `me` reads."""
        rows = await self._reads.fetch(me, self._query, user_id)
        if not rows:
            return None
        row = rows[0]
        return UserOut(id=row[0], username=row[1], first_name=row[2], last_name=row[3])

    async def user(self, user_id: int, me: int) -> UserOut:
        return found(await self.load(user_id, me))

    async def close(self) -> None: ...


class SingleFetch:
    """A hundred requests for a missing user are one fetch."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._under_way: dict[int, asyncio.Task[UserOut | None]] = {}

    async def __call__(self, user_id: int, me: int) -> UserOut | None:
        task = self._under_way.get(user_id)
        if task is None:
            task = asyncio.create_task(self._fetch(user_id, me))
            self._under_way[user_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(user_id, None))
        return await asyncio.shield(task)  # who hangs up does not take it from the others

    async def _fetch(self, user_id: int, me: int) -> UserOut | None:
        return await self._load(user_id, me)


class InProcess:
    """CACHE=process: a dictionary; an entry is at most `seconds` old, the oldest goes first."""

    in_effect = MappingProxyType({"cache": "process"})

    def __init__(self, load: Load, seconds: float, metrics: Metrics) -> None:
        self._load = load
        self._seconds = seconds
        self._metrics = metrics
        self._entries: dict[int, tuple[float, UserOut]] = {}

    async def user(self, user_id: int, me: int) -> UserOut:
        entry = self._entries.get(user_id)
        if entry is not None and entry[0] > monotonic():
            self._metrics.cache_hits += 1
            return entry[1]
        self._metrics.cache_misses += 1
        until = monotonic() + self._seconds  # from before the fetch: what it finds is no older
        user = found(await self._load(user_id, me))
        self._entries.pop(user_id, None)
        if len(self._entries) >= ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[user_id] = (until, user)
        return user

    async def close(self) -> None: ...
