"""Database connections of one process, lent for one statement at a time.

A connection is never in a transaction between two loans, so nothing is reset when it comes back: the
round trip that a general pool spends there is a third of a short query's cost.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any, TypeAlias

import asyncpg

from backend.metrics import Histogram

logger = logging.getLogger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect = Callable[[], Awaitable["Connection"]]

# The server or the way to it is at fault, not the statement: the same request may work in a moment.
AWAY = (
    OSError,
    ssl.SSLError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg, when the connection broke between two steps of a statement
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutdown, crash of a neighbour, statement_timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,  # a replica: what it replays takes away what the statement read; undone
    asyncpg.InternalServerError,  # Citus: "could not commit transaction for shard"
    asyncpg.ReadOnlySQLTransactionError,  # a replica, or a primary that was demoted
)

# A statement that was planned for tables as they were a moment ago: a column changed, a shard of Citus moved.
STALE = (
    asyncpg.InvalidCachedStatementError,  # 0A000
    asyncpg.UndefinedTableError,  # 42P01: the shard's old place
)

# Seconds before each further try. A Citus worker that is away is back, or its shards are elsewhere, in
# about a second; longer, and the client should decide.
PAUSES_SECONDS = (0.05, 0.2, 0.5)


class DatabaseUnavailable(Exception):
    """The database did not answer; the statement may or may not have been done. Try again."""


class NoConnection(DatabaseUnavailable):
    """All connections were in use for too long: a further try would only wait in the same queue."""


class Pool:
    """`size` connections, opened by keep() and opened again when they break.

    fetch waits at most `wait_seconds` for a connection, then raises DatabaseUnavailable.
    """

    def __init__(self, connect: Connect, size: int, wait_seconds: float, waits: Histogram) -> None:
        self._connect = connect
        self._size = size
        self._wait_seconds = wait_seconds
        self._waits = waits
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._broken = asyncio.Event()
        self.tried = asyncio.Event()  # to open all of them, once
        self._leaving: set[Connection] = set()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._open)

    @property
    def connections(self) -> set[Connection]:
        """Those that are open and stay."""
        return self._open - self._leaving

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective; fewer than were wanted where the server gives no more."""
        drivers = {type(connection).__module__.split(".")[0] for connection in self._open}
        return {"pool_size": len(self._open), "driver": " and ".join(sorted(drivers))}

    def replace(self, connections: Iterable[Connection]) -> None:
        """Close these as soon as nobody uses them, and open others in their place."""
        for connection in connections:
            self._leaving.add(connection)
            if connection in self._idle:
                connection.terminate()

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one statement in its own transaction. Raises DatabaseUnavailable; other errors as asyncpg's."""
        connection = self._idle.pop() if self._idle else await self._wait()
        try:
            return await connection.fetch(statement, *arguments)
        except TimeoutError as error:
            connection.terminate()  # it would go on waiting for the answer to its cancel request
            raise DatabaseUnavailable("no answer in time") from error
        except (*AWAY, *STALE) as error:
            raise DatabaseUnavailable(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            connection.terminate()  # in the middle of an exchange: of no further use
            raise
        finally:
            self._give_back(connection)

    async def fetch_repeatable(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """The same for a statement that may be done twice: tried again after a short while."""
        for pause in PAUSES_SECONDS:
            try:
                return await self.fetch(statement, *arguments)
            except NoConnection:
                raise
            except DatabaseUnavailable as error:
                logger.info("again in %s s: %s", pause, error)
            await asyncio.sleep(pause)
        return await self.fetch(statement, *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def keep(self) -> None:
        """Keep `size` connections open until cancelled. Run it in the application's task group."""
        pause = 0.05
        try:
            while True:
                self._broken.clear()
                # Not a task group: in one, an error of a child hides that we were cancelled.
                missing = range(self._size - len(self._open))
                added = await asyncio.gather(*(self._add() for _ in missing), return_exceptions=True)
                self.tried.set()
                errors = [error for error in added if error is not None]
                if not errors:
                    pause = 0.05
                    await self._broken.wait()
                    continue
                if not isinstance(errors[0], (*AWAY, asyncpg.PostgresError)):
                    raise errors[0]
                logger.warning("no database connection: %s", errors[0] or type(errors[0]).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
        finally:
            await self._close()

    async def _add(self) -> None:
        connection = await self._connect()
        self._open.add(connection)
        connection.add_termination_listener(self._lost)
        self._give_back(connection)

    def _lost(self, connection: Any) -> None:
        self._open.discard(connection)
        self._leaving.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._broken.set()

    async def _wait(self) -> Connection:
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        started = perf_counter()
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await waiter
        except TimeoutError:
            self._unwait(waiter)
            raise NoConnection(f"no free connection within {self._wait_seconds:g} s") from None
        except asyncio.CancelledError:
            self._unwait(waiter)
            raise
        finally:
            self._waits.observe(perf_counter() - started)

    def _unwait(self, waiter: "asyncio.Future[Connection]") -> None:
        if waiter.done() and not waiter.cancelled():
            self._give_back(waiter.result())  # lent in the moment in which we gave up
        elif waiter in self._waiters:
            self._waiters.remove(waiter)

    def _give_back(self, connection: Connection) -> None:
        if connection in self._leaving:
            connection.terminate()
        if connection.is_closed():
            self._lost(connection)
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    async def _close(self) -> None:
        for connection in list(self._open):
            connection.remove_termination_listener(self._lost)
            try:
                await connection.close(timeout=1)
            except Exception:
                connection.terminate()
        self._open.clear()
        self._idle.clear()
