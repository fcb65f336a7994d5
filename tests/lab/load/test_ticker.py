"""The ticker wakes at its moment, not before, and finer than an event loop's own timers."""

import asyncio
import time

from lab.load.ticker import Ticker

GAP_SECONDS = 0.0013
FINE_SECONDS = 0.0005  # a timer of whole milliseconds is late by 0.7 ms each time
ENOUGH = 20


async def _lateness() -> list[float]:
    """How late it woke, again and again until that was fine often enough: a busy machine needs more turns."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    late: list[float] = []
    moment = time.monotonic() + GAP_SECONDS

    def wake() -> None:
        nonlocal moment
        late.append(time.monotonic() - moment)
        if sum(one < FINE_SECONDS for one in late) == ENOUGH:
            done.set()
            return
        moment = time.monotonic() + GAP_SECONDS
        ticker.arm(moment)

    ticker = Ticker(loop, wake)
    ticker.arm(moment)
    async with asyncio.timeout(60):
        await done.wait()
    ticker.close()
    return late


async def test_it_never_wakes_early_and_is_finer_than_whole_milliseconds():
    assert min(await _lateness()) >= 0


async def test_moment_that_has_passed_wakes_at_once():
    woken = asyncio.Event()
    ticker = Ticker(asyncio.get_running_loop(), woken.set)
    ticker.arm(time.monotonic() - 5)
    async with asyncio.timeout(30):
        await woken.wait()
    ticker.close()
    ticker.close()
