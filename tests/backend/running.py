"""A real backend for a test, on a fresh database, on a free port, with a publisher that keeps all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import uvicorn

from backend.app import Backend, build
from backend.server import Server
from backend.settings import Settings
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.broker import BrokerUnavailable
from wire.message import DialogMessage

SECRET = "a secret of the tests, 32 characters and more"


@dataclass
class Recorder:
    """A publisher that keeps the hints, or refuses them while it is `away`."""

    away: bool = False
    hints: list[DialogMessage] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connected(self) -> bool:
        return not self.away

    @property
    def returned(self) -> int:
        return 0

    async def start(self) -> None: ...

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        self.hints += hints

    async def wait_closed(self) -> None:
        await self.closed.wait()

    async def close(self) -> None:
        self.closed.set()


@dataclass
class Running:
    """A backend that answers; `client` speaks as nobody unless given a token's headers."""

    app: Backend
    client: httpx.AsyncClient
    publisher: Recorder
    database: "asyncpg.Connection[asyncpg.Record]"

    def headers(self, user_id: int) -> dict[str, str]:
        return {"authorization": f"Bearer {self.app.access.tokens.make(user_id, 60)}"}

    async def users(self, count: int = 2) -> list[int]:
        """New users' ids; their password cannot be used."""
        rows = await self.database.fetch(
            'INSERT INTO "user" (username, first_name, last_name, password_hash)'
            " SELECT 'test' || gen_random_uuid(), 'Ann' || n, 'Lee' || n, '!'"
            " FROM generate_series(1, $1) AS n RETURNING id",
            count,
        )
        return [row[0] for row in rows]

    async def send(self, me: int, other: int, content: str = "hi", id: object = None) -> httpx.Response:
        body = {"content": content} | ({"id": str(id)} if id else {})
        return await self.client.post(f"/api/v1/dialog/{other}/create/", json=body, headers=self.headers(me))

    async def page(self, me: int, other: int, **query: int) -> dict[str, Any]:
        answer = await self.client.get(
            f"/api/v1/dialog/{other}/list/", params=query, headers=self.headers(me)
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def settings_for(dsn: str, **given: Any) -> Settings:
    """Settings that reach the database of a DSN."""
    url = urlsplit(dsn)
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        postgres_host=parse_qs(url.query)["host"][0],
        postgres_db=url.path[1:],
        secret=SECRET,
        # Whoever queues for a connection gets it, however slow the disk is.
        **{
            "broker": "memory",
            "drain_seconds": 0,
            "pool_size": 4,
            "pool_wait_seconds": PATIENCE_SECONDS,
            **given,
        },
    )


@asynccontextmanager
async def running(settings: Settings, recorder: Recorder | None = None) -> AsyncIterator[Running]:
    publisher = recorder or Recorder()
    app = build(settings, publisher)
    died: list[BaseException | None] = []
    app.ended = lambda task: died.append(task.exception())  # type: ignore[method-assign]
    config = uvicorn.Config(app, port=0, http="httptools", ws="none", lifespan="on", log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        # On a cluster it makes the shards first.
        await eventually(
            lambda: serving.done() or (server.started and not app.health.not_ready), 3 * PATIENCE_SECONDS
        )
        port = server.servers[0].sockets[0].getsockname()[1]
        connection = await asyncpg.connect(settings.postgres_dsn())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            yield Running(app, client, publisher, connection)
        await connection.close()
    finally:
        server.should_exit = True
        await serving
        assert died == []


Start = Callable[..., Awaitable[Running]]
