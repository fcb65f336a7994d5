"""Broker `rabbitmq`: a direct or fanout exchange, and a bounded queue for each consumer's connection.

One AMQP message carries up to hints_per_message hints; its routing key is the first key of the batch,
the others travel in the `CC` header, so each queue gets one copy whatever it is bound to. A batch for
many partitions reaches most queues: decoding a hint in vain costs about 2 us, an AMQP message of its own
14 us and on an idle machine 90 us (docs/results/broker.md). A consumer drops what it has not bound.

AMQP_CLIENT says whose frames: see wire.brokers.amqp. Works on RabbitMQ 3.10 to 4.x.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from uuid import uuid4

from wire.broker import BrokerUnavailable
from wire.brokers.amqp.aio_pika import AioPikaChannel
from wire.brokers.amqp.channel import Channel, Peer, Queue
from wire.brokers.amqp.lean import LeanChannel
from wire.brokers.consumer import ConnectedConsumer, ConsumerSession, Deliver
from wire.brokers.link import beside
from wire.brokers.publisher import ConnectedPublisher, PublisherSession, chunks
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage
from wire.topology import RoutingName

EXCHANGES: dict[RoutingName, tuple[str, str]] = {  # name and type
    "partition": ("hints.partition", "direct"),
    "per_user": ("hints.per_user", "direct"),
    "fanout": ("hints.fanout", "fanout"),
}
CLIENTS: dict[str, type[AioPikaChannel] | type[LeanChannel]] = {
    "aio_pika": AioPikaChannel,
    "lean": LeanChannel,
}
ACK_AT_MOST = 1000  # messages, where prefetch sets no limit
ACK_SECONDS = 1.0  # at the latest


def address(host: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[::1]:port` or a bare IPv6 address as host and port."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.startswith("[")):
        return name.strip("[]"), int(port)
    return host.strip("[]"), default_port


@asynccontextmanager
async def _channel(
    settings: BrokerSettings,
    role: str,
    confirms: bool,
    lost: Callable[[str], None],
    returned: Callable[[], None],
) -> AsyncIterator[Channel]:
    """A channel at one of the hosts, tried in random order. Raises the last one's error."""
    hosts = [address(host, settings.rabbitmq_port) for host in settings.rabbitmq_hosts]
    error: Exception = BrokerUnavailable("RABBITMQ_HOST is empty")
    for host, port in random.sample(hosts, len(hosts)):
        peer = Peer(
            host=host,
            port=port,
            user=settings.rabbitmq_user,
            password=settings.rabbitmq_password,
            virtual_host=settings.rabbitmq_virtual_host,
            name=f"{settings.client_name}-{role}",
            heartbeat_seconds=settings.heartbeat_seconds,
            connect_timeout_seconds=settings.connect_timeout_seconds / len(hosts),
        )
        try:
            channel = await CLIENTS[settings.amqp_client].open(peer, confirms, lost, returned)
        except (BrokerUnavailable, OSError) as reason:
            error = reason
            continue
        try:
            yield channel
        finally:
            await channel.close()
        return
    raise error


class RabbitPublisherSession(PublisherSession):
    """Publishes on one channel."""

    broker = "rabbitmq"

    def __init__(self, settings: BrokerSettings) -> None:
        super().__init__(settings)
        self.channel: Channel
        self._client = settings.amqp_client
        self._exchange, _ = EXCHANGES[settings.routing]
        self._confirm = settings.confirm
        self._room = asyncio.Semaphore(settings.max_unconfirmed)
        self._in_turn = asyncio.Lock()  # batches that wait for room keep their order
        self._under_way: set[asyncio.Future[None]] = set()

    @property
    def in_effect(self) -> dict[str, object]:
        return super().in_effect | {"amqp_client": self._client}

    def count_returned(self) -> None:
        """No queue took a message."""
        self.returned += 1

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        confirms = []
        async with self._in_turn:
            for chunk in chunks(hints, self._size):
                await self._room.acquire()
                try:
                    while (full := self.channel.full) is not None:  # an alarm: the broker reads nothing
                        await asyncio.wait([full])
                    confirm = self._publish_message(chunk)
                except BaseException:
                    self._room.release()
                    raise
                self._under_way.add(confirm)
                confirm.add_done_callback(self._done)
                confirms.append(confirm)
        if not confirms:
            return
        # Not cancelled when we are: a message without its confirm keeps its place among max_unconfirmed, so
        # that a broker that takes nothing (memory alarm) is not sent more and more.
        await asyncio.wait(confirms)
        for confirm in confirms:
            if confirm.cancelled():
                raise BrokerUnavailable("the channel was closed")
            confirm.result()

    def _publish_message(self, hints: Sequence[DialogMessage]) -> asyncio.Future[None]:
        users = chain.from_iterable((hint.from_user_id, hint.to_user_id) for hint in hints)
        keys = list(dict.fromkeys(map(self._key_of_user, users)))
        return self.channel.publish(self._codec.encode(hints), self._exchange, keys, self._confirm)

    def _done(self, confirm: asyncio.Future[None]) -> None:
        self._under_way.discard(confirm)
        self._room.release()
        if not confirm.cancelled():
            confirm.exception()  # seen: whoever gave up waiting does not look any more

    async def end(self) -> None:
        """Give up what is under way."""
        confirms = list(self._under_way)
        for confirm in confirms:
            confirm.cancel()
        await asyncio.gather(*confirms, return_exceptions=True)


class RabbitConsumerSession(ConsumerSession):
    """Consumes one queue of its own, which the broker deletes with the connection."""

    def __init__(self, settings: BrokerSettings, deliver: Deliver) -> None:
        super().__init__()
        self.channel: Channel
        self._settings = settings
        self._deliver = deliver
        self._exchange, self._exchange_type = EXCHANGES[settings.routing]
        self._queue = f"hints.{settings.client_name}.{uuid4().hex[:12]}"
        # An ack only makes room: no queue is consumed a second time, and what was in it the sweep finds. So
        # one for half of the room, which leaves the broker the other half.
        self._ack_at = max(1, (settings.prefetch or 2 * ACK_AT_MOST) // 2)
        self._handled = self._acked = 0  # delivery tags

    async def open(self) -> None:
        """Declare and consume. Nothing arrives before the first subscribe."""
        settings = self._settings
        await self.channel.declare_exchange(self._exchange, self._exchange_type)
        quorum = settings.queue_type == "quorum"
        arguments: dict[str, str | int] = {
            "x-queue-type": settings.queue_type,
            "x-max-length": settings.queue_max_messages,
            "x-max-length-bytes": settings.queue_max_bytes,
            "x-overflow": "drop-head",
            "x-message-ttl": round(settings.queue_ttl_seconds * 1000),
        }
        if quorum:  # can be neither exclusive nor auto-delete: it goes when unused
            arguments["x-expires"] = round(settings.queue_ttl_seconds * 1000)
        queue = Queue(
            self._queue, durable=quorum, exclusive=not quorum, auto_delete=not quorum, arguments=arguments
        )
        await self.channel.consume(queue, settings.prefetch, self._received)
        self.in_effect = {
            "broker": "rabbitmq",
            "amqp_client": settings.amqp_client,
            "queue_type": arguments["x-queue-type"],
            "prefetch": settings.prefetch,
        }

    async def subscribe(self, keys: Collection[str]) -> None:
        await self.channel.bind(self._queue, self._exchange, keys)

    async def unsubscribe(self, key: str) -> None:
        await self.channel.unbind(self._queue, self._exchange, key)

    def _received(self, body: bytes, delivery_tag: int) -> None:
        self._deliver(body, None)
        self._handled = delivery_tag
        if delivery_tag - self._acked >= self._ack_at:
            self._ack()

    def _ack(self) -> None:
        self._acked = self._handled
        self.channel.ack(self._handled)

    async def ack_the_rest(self) -> None:
        """Until cancelled: a broker closes a channel that keeps a message for half an hour."""
        while True:
            await asyncio.sleep(ACK_SECONDS)
            if self._handled > self._acked:
                self._ack()


def rabbitmq_publisher(settings: BrokerSettings) -> ConnectedPublisher:
    """A publisher with one connection of its own: a blocked publisher must not block a consumer."""

    @asynccontextmanager
    async def open_session() -> AsyncIterator[RabbitPublisherSession]:
        session = RabbitPublisherSession(settings)
        async with _channel(
            settings, "publish", settings.confirm, session.lose, session.count_returned
        ) as session.channel:
            await session.channel.declare_exchange(*EXCHANGES[settings.routing])
            try:
                yield session
            finally:
                await session.end()

    return ConnectedPublisher(settings, open_session, ())


def rabbitmq_consumer(settings: BrokerSettings) -> ConnectedConsumer:
    """A consumer with one connection and one queue of its own."""

    @asynccontextmanager
    async def open_session(deliver: Deliver) -> AsyncIterator[RabbitConsumerSession]:
        session = RabbitConsumerSession(settings, deliver)
        async with _channel(settings, "consume", False, session.lose, lambda: None) as session.channel:
            await session.open()
            async with beside(session.ack_the_rest()):
                yield session

    return ConnectedConsumer(settings, open_session, ())
