"""Broker `redis`: PUBLISH and SUBSCRIBE, a channel for each key. Nothing is stored.

A confirm is the server's answer to PUBLISH. One publish is one pipeline: one round trip for all its keys.
Works with Redis 5 and up, and with Valkey.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from wire.brokers.consumer import ConnectedConsumer, ConsumerSession, Deliver
from wire.brokers.link import beside
from wire.brokers.publisher import ConnectedPublisher, PublisherSession, by_key, chunks
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage

CHANNEL = "hints."
CLOSE_SECONDS = 2.0
LOST_ON = (RedisError,)


@asynccontextmanager
async def _client(settings: BrokerSettings, role: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(
        settings.redis_url,
        client_name=f"{settings.client_name}-{role}".replace(" ", "-"),
        socket_connect_timeout=settings.connect_timeout_seconds,
        single_connection_client=role == "publish",
        # Its own reconnecting would hide the gap in which hints are lost.
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
    try:
        yield client
    finally:
        with suppress(*LOST_ON, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.aclose()


class RedisPublisherSession(PublisherSession):
    broker = "redis"

    def __init__(self, client: Redis, settings: BrokerSettings) -> None:
        super().__init__(settings)
        self._client = client
        self._one_at_a_time = asyncio.Lock()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        if not hints:
            return
        pipeline = self._client.pipeline(transaction=False)
        for key, copies in by_key(hints, self._key_of_user).items():
            for chunk in chunks(copies, self._size):
                pipeline.publish(CHANNEL + key, self._codec.encode(chunk))
        async with self._one_at_a_time:
            try:
                await pipeline.execute()
            except asyncio.CancelledError:
                self.lose("given up in the middle of an answer")
                raise
            except (*LOST_ON, OSError) as error:
                self.lose(str(error))
                raise

    async def ask(self) -> None:
        async with self._one_at_a_time:
            await self._client.ping()


class RedisConsumerSession(ConsumerSession):
    in_effect = MappingProxyType({"broker": "redis"})

    def __init__(self, pubsub: PubSub, settings: BrokerSettings, deliver: Deliver) -> None:
        super().__init__()
        self._pubsub = pubsub
        self._deliver = deliver
        self._wanted: dict[bytes, asyncio.Future[None]] = {}  # channels whose subscribe is not answered yet
        self._answered = asyncio.Event()

    async def subscribe(self, keys: Collection[str]) -> None:
        channels = [(CHANNEL + key).encode() for key in keys]
        loop = asyncio.get_running_loop()
        answers = [self._wanted.setdefault(channel, loop.create_future()) for channel in channels]
        await self._pubsub.subscribe(*channels)
        for answer in answers:
            await asyncio.wait([answer, self.lost], return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            self.lost.result()

    async def unsubscribe(self, key: str) -> None:
        await self._pubsub.unsubscribe(CHANNEL + key)

    async def read(self) -> None:
        """Take in everything until the connection is lost."""
        try:
            async for message in self._pubsub.listen():
                self._answered.set()
                if message["type"] == "message":
                    self._deliver(message["data"], message["channel"].decode().removeprefix(CHANNEL))
                elif message["type"] == "subscribe":
                    answer = self._wanted.pop(message["channel"], None)
                    if answer is not None and not answer.done():
                        answer.set_result(None)
        except (*LOST_ON, OSError) as error:
            self.lose(str(error))
        else:
            self.lose("closed")

    async def ask(self) -> None:
        self._answered.clear()
        await self._pubsub.ping()
        await self._answered.wait()


def redis_publisher(settings: BrokerSettings) -> ConnectedPublisher:
    """A publisher with one connection of its own."""

    @asynccontextmanager
    async def open_session() -> AsyncIterator[RedisPublisherSession]:
        async with _client(settings, "publish") as client:
            await client.initialize()
            await client.ping()
            session = RedisPublisherSession(client, settings)
            async with beside(session.beat(session.ask, settings.heartbeat_seconds, LOST_ON)):
                yield session

    return ConnectedPublisher(settings, open_session, LOST_ON)


def redis_consumer(settings: BrokerSettings) -> ConnectedConsumer:
    """A consumer with one connection of its own."""

    @asynccontextmanager
    async def open_session(deliver: Deliver) -> AsyncIterator[RedisConsumerSession]:
        async with _client(settings, "consume") as client:
            pubsub = client.pubsub()
            # A channel that nobody publishes to: a reader without any would not wait.
            await pubsub.subscribe(f"{CHANNEL}{settings.client_name}.{uuid4().hex[:12]}")
            session = RedisConsumerSession(pubsub, settings, deliver)
            beat = session.beat(session.ask, settings.heartbeat_seconds, LOST_ON)
            async with beside(session.read(), beat):
                yield session

    return ConnectedConsumer(settings, open_session, LOST_ON)
