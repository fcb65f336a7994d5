"""Disturbers that take part from outside: a copier of hints, and clients that stop reading."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from lab.stack.description import StackDescription
from wire.broker import BrokerError
from wire.brokers import consumer_for, publisher_for
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage
from wire.tokens import Tokens

CONNECT_SECONDS = 10.0
LATEST_SECONDS = 0.5  # a copy comes this late at most
RECENT_USERS = """
SELECT to_user_id
  FROM dialogmessage
 WHERE created_at > now() - interval '4 seconds'
 GROUP BY to_user_id
 ORDER BY count(*) DESC
 LIMIT $1
"""


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


async def device(url: str, token: str, user: int) -> ClientConnection:
    """A new device of a user, welcomed."""
    # max_queue=1: the library stops reading from the kernel once one frame waits for us.
    socket = await connect(
        f"{url}?u={user}",
        subprotocols=[Subprotocol("dialog.v1.json")],
        max_queue=1,
        ping_interval=None,
        compression=None,
        open_timeout=CONNECT_SECONDS,
        proxy=None,
    )
    hello = {"t": "hello", "token": token, "dev": str(uuid4()), "resume": None}
    await socket.send(msgspec.json.encode(hello).decode())
    async with asyncio.timeout(CONNECT_SECONDS):
        await socket.recv()
    return socket


class Comers:
    """Devices that connect, are welcomed, and leave: one after the other, some at the same time."""

    def __init__(
        self, stack: StackDescription, total: int, at_once: int, per_second: float | None = None
    ) -> None:
        self._stack = stack
        self._pause_seconds = at_once / per_second if per_second else 0.0
        self._total = total
        self._at_once = at_once
        self.welcomed = 0
        self.failed = 0

    async def run(self) -> None:
        connection = await asyncpg.connect(self._stack.postgres.dsn, timeout=CONNECT_SECONDS)
        try:
            users = [row[0] for row in await connection.fetch('SELECT id FROM "user"')]
        finally:
            await connection.close()
        tokens = Tokens(self._stack.secret)
        people = [(user, tokens.make(user, 3600)) for user in users]
        numbers = iter(range(self._total))

        async def come_and_go() -> None:
            for number in numbers:
                user, token = people[number % len(people)]
                url = self._stack.websockets[number % len(self._stack.websockets)]
                try:
                    socket = await device(url, token, user)
                    await socket.close()
                    self.welcomed += 1
                except (OSError, TimeoutError, WebSocketException):
                    self.failed += 1
                if self._pause_seconds:
                    await asyncio.sleep(random.uniform(0.5, 1.5) * self._pause_seconds)

        await asyncio.gather(*(come_and_go() for _ in range(self._at_once)))


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
        connection = await asyncpg.connect(self._stack.postgres.dsn, timeout=CONNECT_SECONDS)
        try:
            users = [row[0] for row in await connection.fetch('SELECT id FROM "user"')]
        finally:
            await connection.close()
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


class StoppedReaders:
    """Further devices of users who get many messages; each says hello and then reads nothing."""

    def __init__(self, stack: StackDescription, count: int) -> None:
        self._stack = stack
        self._count = count
        self._sockets: list[ClientConnection] = []
        self.codes: Counter[int] = Counter()

    async def start(self) -> None:
        connection = await asyncpg.connect(self._stack.postgres.dsn, timeout=CONNECT_SECONDS)
        try:
            users = [row[0] for row in await connection.fetch(RECENT_USERS, self._count)]
        finally:
            await connection.close()
        tokens = Tokens(self._stack.secret)
        for number, user in enumerate(users):
            url = self._stack.websockets[number % len(self._stack.websockets)]
            self._sockets.append(await device(url, tokens.make(user, 600), user))

    async def stop(self) -> None:
        """Read to the end, to learn how each was closed."""
        await asyncio.gather(*(self._end_of(socket) for socket in self._sockets))

    async def _end_of(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(3):
                while True:
                    await socket.recv()
        except ConnectionClosed as closed:
            self.codes[closed.rcvd.code if closed.rcvd else 1006] += 1
        except TimeoutError:
            self.codes[0] += 1  # still open
            socket.transport.abort()
