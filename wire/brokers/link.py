"""A link: one connection to a broker, kept alive by one task. Each (re)connection is a new generation."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from wire.broker import BrokerError, BrokerUnavailable

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
STABLE_SECONDS = 5.0  # a connection that lived so long starts the pauses afresh


class Session:
    """One connection's life. `lost` is done when the connection is of no more use."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lose(self, reason: str) -> None:
        """Give this connection up; the link makes a new one."""
        if not self.lost.done():
            self.lost.set_exception(BrokerUnavailable(reason))
            self.lost.exception()  # seen: nobody may be waiting

    async def beat(
        self, ask: Callable[[], Awaitable[object]], seconds: float, lost_on: tuple[type[Exception], ...]
    ) -> None:
        """Ask the server something now and then: a peer that vanished closes no connection."""
        with suppress(*lost_on, OSError):
            while True:
                await asyncio.sleep(seconds)
                async with asyncio.timeout(seconds):
                    await ask()
        self.lose("no answer")


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these for the time of the block: a session's reader, its heartbeat."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


S = TypeVar("S", bound=Session)


async def _nothing_to_prepare(_session: Session, _progress: Callable[[], None]) -> None:
    return


class Link(Generic[S]):
    """Opens a session, waits until it is lost, pauses with jitter, opens the next.

    `lost_on` are the exceptions by which this broker's library says "connection trouble"; any other
    one is a bug and ends the link loudly: logged, and raised by wait_closed(). Opening a session has
    connect_timeout_seconds, and so has each step of `prepare`, which calls its second argument after one.
    """

    def __init__(
        self,
        name: str,
        open_session: Callable[[], AbstractAsyncContextManager[S]],
        lost_on: tuple[type[Exception], ...],
        *,
        connect_timeout_seconds: float,
        prepare: Callable[[S, Callable[[], None]], Awaitable[None]] = _nothing_to_prepare,
        on_open: Callable[[int], None] = lambda generation: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        # OSError is the parent of TimeoutError.
        self.lost_on: tuple[type[Exception], ...] = (
            *lost_on,
            OSError,
            BrokerError,
        )
        self.session: S | None = None
        self.generation = 0
        self._open_session = open_session
        self._connect_timeout_seconds = connect_timeout_seconds
        self._prepare = prepare
        self._on_open = on_open
        self._on_lost = on_lost
        self._task: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._ended = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"{self.name} link")
        self._task.add_done_callback(self._run_ended)

    def fail(self, error: BaseException) -> None:
        """End for good because of this error."""
        if self._ended is not None and not self._ended.done():
            logger.critical("%s: ended by %r", self.name, error, exc_info=error)
            self._ended.set_exception(error)
            self._ended.exception()  # logged above; wait_closed() still raises it
        if self._task is not None:
            self._task.cancel()

    @property
    def failed(self) -> bool:
        return self._ended is not None and self._ended.done()

    async def wait_closed(self) -> None:
        """Return after close(); raise the error of fail()."""
        if self._ended is not None:
            await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Disconnect and leave no task behind. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _run_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._live_once()
            except self.lost_on as error:
                logger.warning("%s: no connection: %s", self.name, str(error) or type(error).__name__)
            if time.monotonic() - began > STABLE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _limit(self) -> float:
        return asyncio.get_running_loop().time() + self._connect_timeout_seconds

    async def _live_once(self) -> None:
        async with asyncio.timeout_at(self._limit()) as limit:
            async with self._open_session() as session:
                await self._prepare(session, lambda: limit.reschedule(self._limit()))
                limit.reschedule(None)
                # No await from the last word of _prepare to here: what it saw is still so.
                self.generation += 1
                self.session = session
                logger.info("%s: connected, generation %d", self.name, self.generation)
                try:
                    self._on_open(self.generation)
                    await session.lost
                finally:
                    self.session = None
                    self._on_lost()
