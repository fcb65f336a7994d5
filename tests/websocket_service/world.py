"""A websocket service in this process, on a fresh database, with a broker in memory that tests command."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import uuid_utils.compat

from tests.waiting import eventually
from tests.websocket_service.client import Client
from websocket_service.app import Service
from websocket_service.settings import Settings
from wire.brokers import consumer_for, publisher_for
from wire.brokers.memory import MemoryHub
from wire.message import DialogMessage, dialog_id_of
from wire.tokens import Tokens

SECRET = "a secret of the tests, 32 characters and more"


def settings_for(dsn: str, **given: Any) -> Settings:
    """Settings that reach the database of a DSN."""
    url = urlsplit(dsn)
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        postgres_host=parse_qs(url.query)["host"][0],
        postgres_db=url.path[1:],
        secret=SECRET,
        **{"broker": "memory", "ws_port": 0, "ws_drain_seconds": 0, **given},
    )


@dataclass
class World:
    """The service and what surrounds it."""

    service: Service
    hub: MemoryHub
    publisher: Any
    database: "asyncpg.Connection[asyncpg.Record]"
    stop: asyncio.Event
    serving: "asyncio.Task[None]"
    tokens: Tokens = field(default_factory=lambda: Tokens(SECRET))
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.service.port}/ws"

    def client(self, user_id: int, **given: Any) -> Client:
        """A device of this user, not yet connected."""
        client = Client(self.url, self.tokens.make(user_id, 600), **given)
        self.clients.append(client)
        return client

    async def connected(self, user_id: int, **given: Any) -> Client:
        client = self.client(user_id, **given)
        await client.connect()
        return client

    async def users(self, count: int = 2) -> list[int]:
        rows = await self.database.fetch(
            'INSERT INTO "user" (username, first_name, last_name, password_hash)'
            " SELECT 'test' || gen_random_uuid(), 'Ann' || n, 'Lee' || n, '!'"
            " FROM generate_series(1, $1) AS n RETURNING id",
            count,
        )
        return [row[0] for row in rows]

    async def store(self, me: int, other: int, content: str = "hi") -> DialogMessage:
        """Send without a hint, as if the API died right after its commit."""
        dialog_id = dialog_id_of(me, other)
        id = uuid_utils.compat.uuid7()
        row = await self.database.fetchrow(
            "SELECT outcome, seq, created_at FROM send_message($1, $2, $3, $4, $5, false)",
            *(dialog_id, id, me, other, content),
        )
        assert row is not None and row["outcome"] == "stored"
        return DialogMessage(dialog_id, row["seq"], id, me, other, content, row["created_at"])

    async def send(self, me: int, other: int, content: str = "hi") -> DialogMessage:
        """Store, then publish the hint."""
        message = await self.store(me, other, content)
        await self.publisher.publish([message])
        return message


@asynccontextmanager
async def running(dsn: str, **given: Any) -> AsyncIterator[World]:
    settings = settings_for(dsn, **given)
    hub = MemoryHub()
    publisher = publisher_for(settings.broker_settings(), hub)
    await publisher.start()
    service = Service(settings, consumer_for(settings.broker_settings(), hub))
    stop = asyncio.Event()
    serving = asyncio.create_task(service.run(stop))
    connection = await asyncpg.connect(settings.postgres_dsn())
    world = World(service, hub, publisher, connection, stop, serving)
    try:
        await eventually(lambda: serving.done() or not service.health.not_ready)
        yield world
    finally:
        for client in world.clients:
            await client.leave()
        stop.set()
        await serving
        await publisher.close()
        await connection.close()


Start = Callable[..., Awaitable[World]]
