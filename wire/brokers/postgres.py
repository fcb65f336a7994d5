"""Broker `postgres`: LISTEN/NOTIFY on connections of its own, for several processes without another server.

Outside the transaction that stores the message: NOTIFY takes a database-wide lock at commit. A
channel is a key of the topology, so the server culls. A payload holds less than 8,000 bytes;
a longer batch is cut into pieces, which one transaction keeps in order and side by side.
Under Citus, publisher and consumer must both talk to the coordinator: NOTIFY stays on its node.
"""

import asyncio
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from types import MappingProxyType
from typing import Any

import asyncpg

from wire.brokers.consumer import ConnectedConsumer, ConsumerSession, Deliver
from wire.brokers.link import beside
from wire.brokers.publisher import ConnectedPublisher, PublisherSession, by_key, chunks
from wire.brokers.settings import BrokerSettings
from wire.codecs import codec_named
from wire.message import DialogMessage

PIECE_BYTES = 7_980  # PostgreSQL refuses 8,000 and more; before it the serial and whether more follows
MORE, LAST = "+", "."
HEAD = re.compile("[0-9]+([+.])")
CHANNEL = "hints."
LOST_ON = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg, when the connection broke between two steps of a statement
)
NOTIFY = "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS hint (channel, payload)"


def pieces(payload: bytes, binary: bool, serials: Iterator[int]) -> Iterator[str]:
    """The payload as NOTIFY can carry it: text, cut between characters.

    Each piece begins with a serial number: of equal notifications in one transaction PostgreSQL sends one.
    """
    if binary:
        payload = b64encode(payload)
    while len(payload) > PIECE_BYTES:
        end = PIECE_BYTES
        while payload[end] & 0xC0 == 0x80:  # inside a UTF-8 character
            end -= 1
        yield f"{next(serials)}{MORE}{payload[:end].decode()}"
        payload = payload[end:]
    yield f"{next(serials)}{LAST}{payload.decode()}"


class Joiner:
    """Puts the pieces of each channel together again."""

    def __init__(self, binary: bool) -> None:
        self._binary = binary
        self._begun: dict[str, str] = {}

    def add(self, channel: str, piece: str) -> bytes | None:
        """The whole payload once its last piece is there."""
        mark = HEAD.match(piece)
        if mark is None:
            return None  # somebody else's notification
        text = self._begun.pop(channel, "") + piece[mark.end() :]
        if mark[1] == MORE:
            self._begun[channel] = text
            return None
        return b64decode(text) if self._binary else text.encode()


@asynccontextmanager
async def _connection(settings: BrokerSettings, role: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        settings.postgres_dsn,
        timeout=settings.connect_timeout_seconds,
        server_settings={
            "application_name": f"{settings.client_name}-{role}",
            # NOTIFY takes a transaction id, so its commit would wait for the disk while it holds the lock.
            "synchronous_commit": "off",
        },
    )
    try:
        yield connection
    finally:
        connection.terminate()  # nothing is left to be said, and a dead server could not hear it


class PostgresPublisherSession(PublisherSession):
    broker = "postgres"

    def __init__(self, connection: asyncpg.Connection, settings: BrokerSettings) -> None:
        super().__init__(settings)
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()
        connection.add_termination_listener(lambda _: self.lose("terminated"))

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        channels: list[str] = []
        payloads: list[str] = []
        serials = count(1)
        for key, copies in by_key(hints, self._key_of_user).items():
            for chunk in chunks(copies, self._size):
                parts = list(pieces(self._codec.encode(chunk), self._codec.binary, serials))
                channels += [CHANNEL + key] * len(parts)
                payloads += parts
        if not channels:
            return
        async with self._one_at_a_time:
            try:
                await self._connection.execute(NOTIFY, channels, payloads)
            except asyncio.CancelledError:
                # Given up in the middle of a statement: asyncpg would wait for a server that may be gone.
                self._connection.terminate()
                raise

    async def ask(self) -> None:
        async with self._one_at_a_time:
            await self._connection.execute("SELECT")


class PostgresConsumerSession(ConsumerSession):
    in_effect = MappingProxyType({"broker": "postgres"})

    def __init__(self, connection: asyncpg.Connection, settings: BrokerSettings, deliver: Deliver) -> None:
        super().__init__()
        self._connection = connection
        self._deliver = deliver
        self._joiner = Joiner(codec_named(settings.encoding).binary)
        self._one_at_a_time = asyncio.Lock()
        connection.add_termination_listener(lambda _: self.lose("terminated"))

    async def subscribe(self, keys: Collection[str]) -> None:
        async with self._one_at_a_time:
            for key in keys:
                await self._connection.add_listener(CHANNEL + key, self._heard)

    async def unsubscribe(self, key: str) -> None:
        async with self._one_at_a_time:
            await self._connection.remove_listener(CHANNEL + key, self._heard)

    async def ask(self) -> None:
        async with self._one_at_a_time:
            await self._connection.execute("SELECT")

    def _heard(self, _connection: Any, _pid: int, channel: str, piece: object) -> None:
        payload = self._joiner.add(channel, str(piece))
        if payload is not None:
            self._deliver(payload, channel.removeprefix(CHANNEL))


def postgres_publisher(settings: BrokerSettings) -> ConnectedPublisher:
    """A publisher with one connection of its own."""

    @asynccontextmanager
    async def open_session() -> AsyncIterator[PostgresPublisherSession]:
        async with _connection(settings, "publish") as connection:
            session = PostgresPublisherSession(connection, settings)
            async with beside(session.beat(session.ask, settings.heartbeat_seconds, LOST_ON)):
                yield session

    return ConnectedPublisher(settings, open_session, LOST_ON)


def postgres_consumer(settings: BrokerSettings) -> ConnectedConsumer:
    """A consumer with one connection of its own."""

    @asynccontextmanager
    async def open_session(deliver: Deliver) -> AsyncIterator[PostgresConsumerSession]:
        async with _connection(settings, "consume") as connection:
            session = PostgresConsumerSession(connection, settings, deliver)
            async with beside(session.beat(session.ask, settings.heartbeat_seconds, LOST_ON)):
                yield session

    return ConnectedConsumer(settings, open_session, LOST_ON)
