"""The same send and list done in other ways: what QUERY_PATH chooses, and what the benchmark compares.

A twin answers what the API promises (the tests of send and list run over each); it takes its own way
to it. None of them batches commits, and none is in front of FastAPI.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from fastapi import APIRouter

from backend.access import Access
from backend.publishing import PublishQueue
from backend.settings import Settings

TWINS = ("orm_async", "orm_sync", "fastapi_asyncpg")


class Twin(Protocol):
    """One way. `start` opens its connections on the running loop."""

    routes: APIRouter

    @property
    def in_effect(self) -> dict[str, object]: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...


def make(settings: Settings, access: Access, publish: PublishQueue) -> Twin:
    """The twin that QUERY_PATH names."""
    name = settings.query_path
    factory: Callable[[Settings, Access, PublishQueue], Twin] = import_module(f"backend.twins.{name}").Twin
    return factory(settings, access, publish)
