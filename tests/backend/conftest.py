"""Fixtures: a backend that runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.backend.running import Recorder, Running, Start, running, settings_for


@pytest.fixture
async def start(database: str) -> AsyncIterator[Start]:
    """A function that starts a backend with these settings; all end with the test."""
    async with AsyncExitStack() as stack:

        async def go(recorder: Recorder | None = None, **given: Any) -> Running:
            return await stack.enter_async_context(running(settings_for(database, **given), recorder))

        yield go


@pytest.fixture
async def backend(start: Start) -> Running:
    """A backend with its default settings."""
    return await start()
