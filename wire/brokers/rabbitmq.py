"""Broker `rabbitmq`: a direct or fanout exchange, and a bounded queue for each consumer's connection.

One AMQP message carries up to hints_per_message hints; its routing key is the first key of the batch,
the others travel in the `CC` header, so each queue gets one copy whatever it is bound to. A batch for
many partitions reaches most queues: decoding a hint in vain costs about 2 us, an AMQP message of its
own 60 us and more. A consumer drops what it has not bound.

aio-pika's connect_robust is not used: it hides the gap in which hints are lost, and can hit
RESOURCE_LOCKED on the queue name that it uses again. Here each connection has a queue of its own.
Works on RabbitMQ 3.10 to 4.x.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from uuid import uuid4

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage
from pamqp.common import FieldArray, FieldTable

from wire.broker import BrokerUnavailable
from wire.brokers.consumer import ConnectedConsumer, ConsumerSession, Deliver
from wire.brokers.link import Session
from wire.brokers.publisher import ConnectedPublisher, PublisherSession, chunks
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage
from wire.topology import RoutingName

EXCHANGES: dict[RoutingName, tuple[str, str]] = {  # name and type
    "partition": ("hints.partition", "direct"),
    "per_user": ("hints.per_user", "direct"),
    "fanout": ("hints.fanout", "fanout"),
}
TRANSIENT = 1  # delivery mode: a confirm waits for no disk; PostgreSQL is the truth
CLOSE_SECONDS = 2.0
# RuntimeError is how aiormq says "channel closed" and aio-pika "connection is not ready".
LOST_ON = (aiormq.exceptions.AMQPError, RuntimeError)


def _address(host: str, default_port: int) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    return (name, int(port)) if colon and port.isdigit() else (host, default_port)


async def _connect(settings: BrokerSettings, role: str) -> AbstractConnection:
    """A connection to one of the hosts, tried in random order. Raises the last one's error."""
    hosts = [_address(host, settings.rabbitmq_port) for host in settings.rabbitmq_hosts]
    error: Exception = BrokerUnavailable("RABBITMQ_HOST is empty")
    for host, port in random.sample(hosts, len(hosts)):
        try:
            return await aio_pika.connect(
                host=host,
                port=port,
                login=settings.rabbitmq_user,
                password=settings.rabbitmq_password,
                virtualhost=settings.rabbitmq_virtual_host,
                timeout=settings.connect_timeout_seconds / len(hosts),
                client_properties={"connection_name": f"{settings.client_name}-{role}"},
                heartbeat=round(settings.heartbeat_seconds),
            )
        except (*LOST_ON, OSError) as reason:
            error = reason
    raise error


@asynccontextmanager
async def _channel(
    settings: BrokerSettings, role: str, confirms: bool
) -> AsyncIterator[tuple[AbstractConnection, AbstractChannel, RawChannel]]:
    """A connection with one channel; closed within CLOSE_SECONDS, whatever the broker does."""
    connection = await _connect(settings, role)
    try:
        channel = await connection.channel(publisher_confirms=confirms, on_return_raises=False)
        yield connection, channel, await channel.get_underlay_channel()
    finally:
        with suppress(*LOST_ON, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()


def _lose_on_close(session: Session, *closable: AbstractConnection | AbstractChannel) -> None:
    for one in closable:
        one.close_callbacks.add(lambda _, error: session.lose(str(error or "closed")))


class RabbitPublisherSession(PublisherSession):
    """Publishes on one channel."""

    broker = "rabbitmq"

    def __init__(self, raw: RawChannel, settings: BrokerSettings) -> None:
        super().__init__(settings)
        self._raw = raw
        self._exchange, _ = EXCHANGES[settings.routing]
        self._confirm = settings.confirm
        self._room = asyncio.Semaphore(settings.max_unconfirmed)
        self._under_way: set[asyncio.Task[None]] = set()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        tasks = []
        for chunk in chunks(hints, self._size):
            await self._room.acquire()
            task = asyncio.create_task(self._publish_message(chunk), name="rabbitmq publish")
            self._under_way.add(task)
            task.add_done_callback(self._done)
            tasks.append(task)
        if not tasks:
            return
        # Not cancelled when we are: a message without its confirm keeps its place among max_unconfirmed, so
        # that a broker that takes nothing (memory alarm) is not sent more and more.
        await asyncio.wait(tasks)
        for task in tasks:
            if task.cancelled():
                raise BrokerUnavailable("the channel was closed")
            task.result()

    async def _publish_message(self, hints: Sequence[DialogMessage]) -> None:
        users = chain.from_iterable((hint.from_user_id, hint.to_user_id) for hint in hints)
        first, *others = dict.fromkeys(map(self._key_of_user, users))
        also: FieldArray = list(others)
        properties = aiormq.spec.Basic.Properties(
            delivery_mode=TRANSIENT, headers={"CC": also} if also else None
        )
        answer = await self._raw.basic_publish(
            self._codec.encode(hints),
            exchange=self._exchange,
            routing_key=first,
            properties=properties,
            mandatory=self._confirm,
        )
        self.returned += isinstance(answer, DeliveredMessage)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._room.release()
        if not task.cancelled():
            task.exception()  # seen: whoever gave up waiting does not look any more

    async def end(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class RabbitConsumerSession(ConsumerSession):
    """Consumes one queue of its own, which the broker deletes with the connection."""

    def __init__(self, raw: RawChannel, settings: BrokerSettings, deliver: Deliver) -> None:
        super().__init__()
        self._raw = raw
        self._settings = settings
        self._deliver = deliver
        self._exchange, self._exchange_type = EXCHANGES[settings.routing]
        self._queue = f"hints.{settings.client_name}.{uuid4().hex[:12]}"
        self._handled = 0  # the last delivery tag
        self._ack_comes = False

    async def open(self) -> None:
        """Declare and consume. Nothing arrives before the first subscribe."""
        raw, settings = self._raw, self._settings
        raw.on_consumer_cancel_callbacks.add(lambda _: self.lose("the broker cancelled the consumer"))
        await raw.exchange_declare(self._exchange, exchange_type=self._exchange_type, durable=True)
        quorum = settings.queue_type == "quorum"
        arguments: FieldTable = {
            "x-queue-type": settings.queue_type,
            "x-max-length": settings.queue_max_messages,
            "x-max-length-bytes": settings.queue_max_bytes,
            "x-overflow": "drop-head",
            "x-message-ttl": round(settings.queue_ttl_seconds * 1000),
        }
        if quorum:  # can be neither exclusive nor auto-delete: it goes when unused
            arguments["x-expires"] = round(settings.queue_ttl_seconds * 1000)
        await raw.queue_declare(
            self._queue, durable=quorum, exclusive=not quorum, auto_delete=not quorum, arguments=arguments
        )
        await raw.basic_qos(prefetch_count=settings.prefetch)
        await raw.basic_consume(self._queue, self._received)
        self.in_effect = {
            "broker": "rabbitmq",
            "queue_type": arguments["x-queue-type"],
            "prefetch": settings.prefetch,
        }

    async def subscribe(self, keys: Collection[str]) -> None:
        *most, last = keys
        for key in most:  # the broker keeps a channel's order: the answer to the last is one to all
            await self._raw.queue_bind(self._queue, self._exchange, key, nowait=True)
        await self._raw.queue_bind(self._queue, self._exchange, last)

    async def unsubscribe(self, key: str) -> None:
        await self._raw.queue_unbind(self._queue, self._exchange, key)

    async def _received(self, message: DeliveredMessage) -> None:
        self._deliver(message.body, None)
        # Ack after the handler: a crash between them repeats hints, never loses them. One ack for all
        # that came in this pass of the loop.
        self._handled = message.delivery_tag or 0
        if self._ack_comes:
            return
        self._ack_comes = True
        await asyncio.sleep(0)
        self._ack_comes = False
        with suppress(*LOST_ON):
            await self._raw.basic_ack(self._handled, multiple=True, wait=False)


def rabbitmq_publisher(settings: BrokerSettings) -> ConnectedPublisher:
    """A publisher with one connection of its own: a blocked publisher must not block a consumer."""

    @asynccontextmanager
    async def open_session() -> AsyncIterator[RabbitPublisherSession]:
        name, type_ = EXCHANGES[settings.routing]
        async with _channel(settings, "publish", settings.confirm) as (connection, channel, raw):
            await raw.exchange_declare(name, exchange_type=type_, durable=True)
            session = RabbitPublisherSession(raw, settings)
            _lose_on_close(session, connection, channel)
            try:
                yield session
            finally:
                await session.end()

    return ConnectedPublisher(settings, open_session, LOST_ON)


def rabbitmq_consumer(settings: BrokerSettings) -> ConnectedConsumer:
    """A consumer with one connection and one queue of its own."""

    @asynccontextmanager
    async def open_session(deliver: Deliver) -> AsyncIterator[RabbitConsumerSession]:
        async with _channel(settings, "consume", False) as (connection, channel, raw):
            session = RabbitConsumerSession(raw, settings, deliver)
            _lose_on_close(session, connection, channel)
            await session.open()
            yield session

    return ConnectedConsumer(settings, open_session, LOST_ON)
