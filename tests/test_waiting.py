"""The tests' own waiting: it ends with what is waited for, and fails without it."""

import asyncio
import time

import pytest

from tests.waiting import eventually, within


async def test_a_function_and_a_coroutine_function_are_asked_until_they_hold():
    asked: list[int] = []

    def holds() -> bool:
        asked.append(1)
        return len(asked) >= 3

    async def holds_too() -> bool:
        return holds()

    await eventually(holds)
    assert len(asked) == 3
    await eventually(holds_too)
    assert len(asked) == 4


async def test_what_never_holds_is_a_timeout():
    with pytest.raises(TimeoutError):
        await eventually(lambda: False, 0.05)


async def test_a_block_that_takes_too_long_is_a_timeout():
    with pytest.raises(TimeoutError):
        async with within(0.05):
            await asyncio.sleep(60)


async def test_time_in_which_the_loop_could_not_run_does_not_count():
    async with within(0.2):
        for _ in range(5):
            time.sleep(0.2)  # noqa: ASYNC251 (as if others had the processor)
            await asyncio.sleep(0)
