"""Disturbers that take part from outside: devices that come and go, and a copier of hints."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from lab.stack.description import StackDescription
from wire.broker import BrokerError
from wire.brokers import consumer_for, publisher_for
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage
from wire.tokens import Tokens

CONNECT_SECONDS = 30.0
LATEST_SECONDS = 0.5  # a copy comes this late at most


def broker_settings(stack: StackDescription, name: str) -> BrokerSettings:
    """Those of the stack's services, as far as publisher and consumer must agree."""
    levers = stack.levers
    rabbit = stack.rabbitmq or {}
    return BrokerSettings(
        broker="rabbitmq" if rabbit else "postgres",
        routing=levers.get("ROUTING", "partition"),  # type: ignore[arg-type]  # the services checked it
        encoding=levers.get("ENCODING", "json"),  # type: ignore[arg-type]
        client_name=name,
        postgres_dsn=stack.postgres.dsn,
        rabbitmq_hosts=tuple(str(rabbit.get("host", "")).split(",")),
        rabbitmq_user=str(rabbit.get("user", "")),
        rabbitmq_password=str(rabbit.get("password", "")),
    )


async def device(
    url: str, token: str, user: int, resume: str | None = None, raw: socket.socket | None = None
) -> tuple[ClientConnection, dict[str, Any]]:
    """A device of a user and its welcome. `raw`: a TCP connection to use, with its own buffers."""
    # max_queue=1: the library stops reading from the kernel once one frame waits for us.
    opened = await connect(
        f"{url}?u={user}",
        subprotocols=[Subprotocol("dialog.v1.json")],
        max_queue=1,
        ping_interval=None,
        compression=None,
        open_timeout=CONNECT_SECONDS,
        proxy=None,
        sock=raw,
    )
    hello = {"t": "hello", "token": token, "dev": str(uuid4()), "resume": resume}
    await opened.send(msgspec.json.encode(hello).decode())
    async with asyncio.timeout(CONNECT_SECONDS):
        return opened, msgspec.json.decode(await opened.recv())


async def users_of(stack: StackDescription) -> list[int]:
    """The ids of all of them."""
    connection = await asyncpg.connect(stack.postgres.dsn, timeout=CONNECT_SECONDS)
    try:
        return [row[0] for row in await connection.fetch('SELECT id FROM "user"')]
    finally:
        await connection.close()


class Comers:
    """Devices that connect, are welcomed, and leave: one after the other, some at the same time.

    Through the proxy where there is one, as the devices of a load do.
    """

    def __init__(
        self, stack: StackDescription, total: int, at_once: int, per_second: float | None = None
    ) -> None:
        self._stack = stack
        self._pause_seconds = at_once / per_second if per_second else 0.0
        self._total = total
        self._at_once = at_once
        self.welcomed = 0
        self.not_welcomed: Counter[str] = Counter()  # by what they met instead

    async def run(self) -> None:
        users = await users_of(self._stack)
        tokens = Tokens(self._stack.secret)
        people = [(user, tokens.make(user, 3600)) for user in users]
        numbers = iter(range(self._total))
        proxy = self._stack.haproxy
        ways = [proxy["websocket"]] if proxy else self._stack.websockets

        async def come_and_go() -> None:
            for number in numbers:
                user, token = people[number % len(people)]
                try:
                    opened, first = await device(ways[number % len(ways)], token, user)
                    await opened.close()
                    self._met(str(first["t"]))
                except (OSError, TimeoutError, WebSocketException) as error:
                    self._met(_kind(error))
                if self._pause_seconds:
                    await asyncio.sleep(random.uniform(0.5, 1.5) * self._pause_seconds)

        await asyncio.gather(*(come_and_go() for _ in range(self._at_once)))

    def _met(self, what: str) -> None:
        if what == "welcome":
            self.welcomed += 1
        else:
            self.not_welcomed[what] += 1


def _kind(error: Exception) -> str:
    match error:
        case InvalidStatus():
            return f"HTTP {error.response.status_code}"
        case ConnectionClosed():
            return f"closed with {error.rcvd.code if error.rcvd else 1006}"
        case InvalidMessage():
            return "closed before an answer"
        case TimeoutError():
            return f"no welcome within {CONNECT_SECONDS:g} s"
        case _:
            return type(error).__name__


class HintCopier:
    """Hears every hint and publishes it again, up to half a second later and in any order."""

    def __init__(self, stack: StackDescription) -> None:
        settings = broker_settings(stack, "lab-copier")
        self._stack = stack
        self._consumer, self._publisher = consumer_for(settings), publisher_for(settings)
        self._seen: set[tuple[UUID, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connected = asyncio.Event()
        self.copied = 0

    async def start(self) -> None:
        users = await users_of(self._stack)
        await self._publisher.start()
        await self._consumer.start(self._heard, self._generation)
        for user in users:
            await self._consumer.bind(user)
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._connected.wait()

    async def stop(self) -> None:
        await self._consumer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publisher.close()

    async def _generation(self, _generation: int) -> None:
        self._connected.set()

    def _heard(self, hints: Sequence[DialogMessage]) -> None:
        for hint in hints:
            if (hint.dialog_id, hint.seq) not in self._seen:  # a copy of ours comes back once
                self._seen.add((hint.dialog_id, hint.seq))
                task = asyncio.get_running_loop().create_task(self._copy(msgspec.structs.replace(hint)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _copy(self, hint: DialogMessage) -> None:
        await asyncio.sleep(random.uniform(0, LATEST_SECONDS))
        with suppress(BrokerError):
            await self._publisher.publish([hint])
            self.copied += 1
