"""Our services fed as the rival's are: one process gives each message to the broker, no API and no database.

What is left is what the two differ in: broker library, routing, batches, and the way to the socket.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from lab.bench.feeding import Gathering, broker_of
from lab.bench.push.receivers import connect, leave
from lab.load.frames import Light
from lab.stack.description import StackDescription
from wire.broker import Publisher
from wire.brokers import publisher_for
from wire.message import DialogMessage, dialog_id_of
from wire.tokens import Tokens

FIRST_USER = 1_000_000  # people who have no messages in the database
CONNECT_SECONDS = 60.0
TOKEN_SECONDS = 3600


class Fed:
    """Sockets of pairs of users behind the proxy, and messages to both of a pair at equal distances.

    A delay counts from when a message was due.
    """

    def __init__(
        self,
        stack: StackDescription,
        publisher: Publisher,
        sockets: int,
        rate: float,
        interval_seconds: float,
    ) -> None:
        self._stack, self._rate = stack, rate
        self._gathering = Gathering(publisher, interval_seconds)
        self._users = range(FIRST_USER, FIRST_USER + sockets)
        self._sent: dict[tuple[int, int], float] = {}  # first of the pair, seq -> time
        self._seqs = dict.fromkeys(self._users[::2], 0)
        self.emitted = 0
        self.delays: list[float] = []

    def forget(self) -> None:
        """Count anew."""
        self.emitted = 0
        self.delays.clear()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """With the sockets open."""
        assert self._stack.haproxy is not None
        tokens = Tokens(self._stack.secret)
        receivers = []
        for user in self._users:
            url = f"{self._stack.haproxy['websocket']}?u={user}"
            receivers += await connect(url, [tokens.make(user, TOKEN_SECONDS)], self._heard)
        publishing = asyncio.create_task(self._gathering.run(), name="fed")
        try:
            yield
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            await leave(receivers)

    async def run(self, seconds: float, characters: int) -> None:
        """Hand over messages for so long."""
        began, clock = time.monotonic(), time.time() - time.monotonic()
        content = "x" * characters
        firsts = self._users[: len(self._users) - 1 : 2]
        for number in range(round(seconds * self._rate)):
            due = began + number / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            low = firsts[number % len(firsts)]
            seq = self._seqs[low] = self._seqs[low] + 1
            self._sent[low, seq] = clock + due
            dialog = dialog_id_of(low, low + 1)
            self._gathering.put(DialogMessage(dialog, seq, uuid4(), low, low + 1, content, time.time()))
            self.emitted += 1

    def _heard(self, messages: Sequence[Light], now: float) -> None:
        self.delays += [now - self._sent[message.f, message.s] for message in messages]


@asynccontextmanager
async def feeding(
    stack: StackDescription, sockets: int, rate: float, interval_seconds: float
) -> AsyncIterator[Fed]:
    """With a publisher that is connected."""
    publisher = publisher_for(broker_of(stack))
    await publisher.start()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            while not publisher.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield Fed(stack, publisher, sockets, rate, interval_seconds)
    finally:
        await publisher.close()
