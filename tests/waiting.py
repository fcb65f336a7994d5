"""Waiting for what is to come: so long that only what never comes fails, however busy the machine."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

PATIENCE_SECONDS = 30.0  # of one wait; no figure of what is tested: starting a process may take half of it


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
