"""The whole path in one process: API, hub, websocket services, clients that come back; and the ledger."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from tests.backend.running import Running
from tests.backend.running import running as running_backend
from tests.backend.running import settings_for as backend_settings
from tests.waiting import PATIENCE_SECONDS, eventually
from tests.websocket_service.client import Client
from tests.websocket_service.world import SECRET, settings_for
from tests.whole_path.faults import Faults, FaultyPublisher
from websocket_service.app import Service
from wire.brokers import consumer_for
from wire.brokers.memory import MemoryHub
from wire.tokens import Tokens


@dataclass
class RunningService:
    """One websocket service that can be killed and started anew on another port."""

    dsn: str
    hub: MemoryHub
    given: dict[str, Any]
    service: Service = field(init=False)
    _stop: asyncio.Event = field(init=False)
    _task: "asyncio.Task[None]" = field(init=False)

    async def start(self) -> None:
        settings = settings_for(self.dsn, **self.given)
        self.service = Service(settings, consumer_for(settings.broker_settings(), self.hub))
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.service.run(self._stop))
        await eventually(lambda: self._task.done() or not self.service.health.not_ready)

    async def stop(self) -> None:
        """With a drain, as SIGTERM does."""
        self._stop.set()
        await self._task

    async def kill(self) -> None:
        """Without a word: its sockets break, its memory is gone."""
        for session in list(self.service.users.sessions):
            session.connection.transport.abort()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.service.port}/ws"


@dataclass
class Path:
    """Everything on a message's way, and who sent and received what."""

    api: list[Running]
    services: list[RunningService]
    hub: MemoryHub
    publishers: list[FaultyPublisher]
    chance: random.Random
    users: list[int] = field(default_factory=list)
    clients: dict[Client, int] = field(default_factory=dict)
    acknowledged: set[tuple[UUID, int]] = field(default_factory=set)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def watch(self, user_id: int, **given: Any) -> Client:
        """One more device of a user, connected whenever it can be."""
        client = RoamingClient("", Tokens(SECRET).make(user_id, 600), path=self, **given)
        self.clients[client] = user_id
        self._tasks.append(asyncio.create_task(client.run()))
        return client

    async def send(self, me: int, other: int, content: str) -> None:
        """As a client does: until it is acknowledged, with one id."""
        from uuid_utils.compat import uuid7

        id = uuid7()
        while True:
            api = self.chance.choice(self.api)
            try:
                answer = await api.send(me, other, content, id)
            except httpx.TransportError:
                continue
            if answer.status_code in (200, 201):
                body = answer.json()
                self.acknowledged.add((UUID(body["dialog_id"]), body["seq"]))
                return
            assert answer.status_code >= 500, answer.text

    async def send_many(self, count: int, pairs: Sequence[tuple[int, int]], at_once: int = 8) -> None:
        """Messages between random pairs, in both directions."""
        room = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            async with room:
                me, other = self.chance.sample(self.chance.choice(pairs), 2)
                await self.send(me, other, f"message {number}")
                await asyncio.sleep(self.chance.uniform(0, 0.01))

        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(one(number))

    async def stored(self) -> dict[UUID, dict[int, str]]:
        """What PostgreSQL holds: dialog -> seq -> content."""
        dialogs: dict[UUID, dict[int, str]] = defaultdict(dict)
        for row in await self.api[0].database.fetch("SELECT dialog_id, seq, content FROM dialogmessage"):
            dialogs[row[0]][row[1]] = row[2]
        return dialogs

    async def settle(self, seconds: float = 2 * PATIENCE_SECONDS) -> None:
        """Wait until every device has every message; raises AssertionError that names what is missing."""
        stored = await self.stored()
        assert self.acknowledged == {(dialog, seq) for dialog, rows in stored.items() for seq in rows}
        try:
            await eventually(lambda: not self.missing(stored), seconds)
        except TimeoutError:
            ended = [task.exception() for task in self._tasks if task.done()]
            raise AssertionError(f"lost: {self.missing(stored)}; clients that ended: {ended}") from None
        self.check(stored)

    def missing(self, stored: dict[UUID, dict[int, str]]) -> list[tuple[int, UUID, list[int]]]:
        """(user, dialog, seqs) that a device has not."""
        return [
            (user, dialog, sorted(set(rows) - set(client.applied[dialog])))
            for client, user in self.clients.items()
            for dialog, rows in stored.items()
            if user in (dialog.int >> 64, dialog.int & ((1 << 64) - 1))
            and len(client.applied[dialog]) < len(rows)
        ]

    def check(self, stored: dict[UUID, dict[int, str]]) -> None:
        """Replay equals refetch: each device applied exactly what is stored, once, in order."""
        for client, user in self.clients.items():
            for dialog, seqs in client.applied.items():
                assert user in (dialog.int >> 64, dialog.int & ((1 << 64) - 1)), "somebody else's dialog"
                assert seqs == sorted(stored[dialog]) == list(range(1, len(seqs) + 1))
                assert {seq: client.contents[dialog, seq] for seq in seqs} == stored[dialog]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self.clients:
            await client.leave()


class RoamingClient(Client):
    """Connects to any service that is up; reads everything anew when it cannot resume."""

    def __init__(self, url: str, token: str, path: Path, **given: Any) -> None:
        super().__init__(url, token, **given)
        self.path = path

    __hash__ = object.__hash__

    async def connect(self) -> dict[str, Any]:
        self.url = self.path.chance.choice(self.path.services).url
        welcome = await super().connect()
        if welcome["resumed"] in ("none", "new"):
            await self._reload()
        return welcome

    async def _reload(self) -> None:
        user = self.path.clients[self]
        for other in self.path.users:
            while other != user:
                known = await self._page(user, other)
                if not known:
                    break

    async def _page(self, user: int, other: int) -> int:
        from wire.message import dialog_id_of

        view = self.views.get(dialog_id_of(user, other))
        after = view.last if view and view.last else 0
        page = await self.path.api[0].page(user, other, after=after, limit=100)
        for item in page["items"]:
            self._take({"d": UUID(item["dialog_id"]), "s": item["seq"], "c": item["content"]})
        return len(page["items"])


Start = Callable[..., Any]


@asynccontextmanager
async def whole_path(
    dsn: str,
    *,
    seed: int,
    faults: Faults,
    api: int = 2,
    services: int = 2,
    users: int = 4,
    payload: str = "full",
    **given: Any,
) -> AsyncIterator[Path]:
    """`given` are settings of the websocket services."""
    async with AsyncExitStack() as stack:
        hub = MemoryHub()
        publishers = [FaultyPublisher(hub, faults, seed + number) for number in range(api)]
        settings = backend_settings(dsn, payload=payload)
        backends = [
            await stack.enter_async_context(running_backend(settings, publisher))  # type: ignore[arg-type]
            for publisher in publishers
        ]
        sockets = [
            RunningService(dsn, hub, {"sweep_seconds": 0.3, "payload": payload, **given})
            for _ in range(services)
        ]
        for one in sockets:
            await one.start()
            stack.push_async_callback(one.stop)
        path = Path(backends, sockets, hub, publishers, random.Random(seed))
        stack.push_async_callback(path.close)
        path.users = await backends[0].users(users)
        yield path
