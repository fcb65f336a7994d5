"""Fixtures: a websocket service that runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.waiting import eventually
from tests.websocket_service.world import Start, World, running


@pytest.fixture
async def start(database: str) -> AsyncIterator[Start]:
    """A function that starts a service with these settings; all end with the test."""
    async with AsyncExitStack() as stack:

        async def go(**given: Any) -> World:
            world = await stack.enter_async_context(running(database, **given))
            # The first sweep comes with the broker: what a test stores is not for it to find.
            await eventually(lambda: world.service.metrics.sweeps)
            return world

        yield go


@pytest.fixture
async def world(start: Start) -> World:
    """A service with its default settings."""
    return await start()
