"""The ticker wakes at its moment, not before, and finer than an event loop's own timers."""

import asyncio
import statistics
import time

from lab.load.ticker import Ticker


async def _lateness(count: int, gap: float) -> list[float]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    late: list[float] = []
    moment = time.monotonic() + gap

    def wake() -> None:
        nonlocal moment
        late.append(time.monotonic() - moment)
        if len(late) == count:
            done.set_result(None)
            return
        moment = time.monotonic() + gap
        ticker.arm(moment)

    ticker = Ticker(loop, wake)
    ticker.arm(moment)
    async with asyncio.timeout(20):
        await done
    ticker.close()
    return late


async def test_it_never_wakes_early_and_mostly_within_a_millisecond():
    late = await _lateness(200, 0.0013)
    assert min(late) >= 0
    assert statistics.median(late) < 0.001  # timers of whole milliseconds would be late by 0.7 ms more


async def test_moment_that_has_passed_wakes_at_once():
    woken = asyncio.Event()
    ticker = Ticker(asyncio.get_running_loop(), woken.set)
    ticker.arm(time.monotonic() - 5)
    async with asyncio.timeout(5):
        await woken.wait()
    ticker.close()
    ticker.close()
