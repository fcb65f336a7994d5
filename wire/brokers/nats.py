"""Broker `nats`: core NATS, a subject for each key. Nothing is stored: who is away hears nothing.

A confirm is the answer to a PING sent after the message (`flush`): the server has taken it. The client's
own reconnecting is off: it hides the gap in which hints are lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

from wire.brokers.consumer import ConnectedConsumer, ConsumerSession, Deliver
from wire.brokers.link import Session
from wire.brokers.publisher import ConnectedPublisher, PublisherSession, by_key, chunks
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage

SUBJECT = "hints."
CLOSE_SECONDS = 2.0
LOST_ON = (Error,)


@asynccontextmanager
async def _client(
    settings: BrokerSettings, role: str
) -> AsyncIterator[tuple[Client, Callable[[Session], None]]]:
    """A connected client, and a function that makes a session lost when the connection is."""
    sessions: list[Session] = []

    async def closed() -> None:
        for session in sessions:
            session.lose("closed")

    async def said_by_session(_error: Exception) -> None:
        """The link logs what is lost; nats-py would log each error of its own as well."""

    client = await nats.connect(
        settings.nats_url.split(","),
        name=f"{settings.client_name}-{role}",
        connect_timeout=max(1, round(settings.connect_timeout_seconds)),
        allow_reconnect=False,
        ping_interval=max(1, round(settings.heartbeat_seconds)),
        max_outstanding_pings=2,
        disconnected_cb=closed,
        closed_cb=closed,
        error_cb=said_by_session,
    )
    try:
        yield client, sessions.append
    finally:
        with suppress(*LOST_ON, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.close()


class NatsPublisherSession(PublisherSession):
    broker = "nats"

    def __init__(self, client: Client, settings: BrokerSettings) -> None:
        super().__init__(settings)
        self._client = client
        self._timeout_seconds = settings.publish_timeout_seconds
        self._confirm = settings.confirm

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        for key, copies in by_key(hints, self._key_of_user).items():
            for chunk in chunks(copies, self._size):
                await self._send(SUBJECT + key, chunk)
        if hints and self._confirm:
            await self._client.flush(timeout=max(1, round(self._timeout_seconds)))

    async def _send(self, subject: str, hints: Sequence[DialogMessage]) -> None:
        payload = self._codec.encode(hints)
        if len(payload) > self._client.max_payload and len(hints) > 1:
            # The server refuses it (1 MB by default) and would close the connection.
            middle = len(hints) // 2
            await self._send(subject, hints[:middle])
            await self._send(subject, hints[middle:])
        else:
            await self._client.publish(subject, payload)


class NatsConsumerSession(ConsumerSession):
    in_effect = MappingProxyType({"broker": "nats"})

    def __init__(self, client: Client, settings: BrokerSettings, deliver: Deliver) -> None:
        super().__init__()
        self._client = client
        self._limit = settings.queue_max_messages
        self._timeout_seconds = max(1, round(settings.connect_timeout_seconds))
        self._deliver = deliver
        self._subscriptions: dict[str, Subscription] = {}

    async def subscribe(self, keys: Collection[str]) -> None:
        for key in keys:
            self._subscriptions[key] = await self._client.subscribe(
                SUBJECT + key, cb=self._heard, pending_msgs_limit=self._limit
            )
        await self._client.flush(timeout=self._timeout_seconds)

    async def unsubscribe(self, key: str) -> None:
        await self._subscriptions.pop(key).unsubscribe()

    async def _heard(self, message: Msg) -> None:
        self._deliver(message.data, message.subject.removeprefix(SUBJECT))


def nats_publisher(settings: BrokerSettings) -> ConnectedPublisher:
    """A publisher with one connection of its own."""

    @asynccontextmanager
    async def open_session() -> AsyncIterator[NatsPublisherSession]:
        async with _client(settings, "publish") as (client, watch):
            session = NatsPublisherSession(client, settings)
            watch(session)
            yield session

    return ConnectedPublisher(settings, open_session, LOST_ON)


def nats_consumer(settings: BrokerSettings) -> ConnectedConsumer:
    """A consumer with one connection of its own."""

    @asynccontextmanager
    async def open_session(deliver: Deliver) -> AsyncIterator[NatsConsumerSession]:
        async with _client(settings, "consume") as (client, watch):
            session = NatsConsumerSession(client, settings, deliver)
            watch(session)
            yield session

    return ConnectedConsumer(settings, open_session, LOST_ON)
