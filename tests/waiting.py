"""Waiting for what is to come: so long that only what never comes fails, however busy the machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable

PATIENCE_SECONDS = 30.0  # of one wait; no figure of what is tested: starting a process may take half of it
TICK_SECONDS = 0.01


async def eventually(
    condition: Callable[[], object | Awaitable[object]], seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until it holds; asked again and again, be it a function or a coroutine function.

    Raises TimeoutError. Nothing else runs between the moment in which a function held and the return.
    """
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if await answer if isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError when the block takes longer, by a clock that stands still while this loop does.

    For what this event loop alone does: a machine that gives it no time is not what is tested.
    """
    async with asyncio.timeout(None) as limit:

        async def clock() -> None:
            for _ in range(round(seconds / TICK_SECONDS)):
                await asyncio.sleep(TICK_SECONDS)
            limit.reschedule(asyncio.get_running_loop().time())

        ticking = asyncio.create_task(clock())
        try:
            yield
        finally:
            ticking.cancel()
