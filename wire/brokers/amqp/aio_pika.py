"""The channel on aio-pika: its connection, and the channel of aiormq beneath it.

aio-pika's connect_robust is not used: it hides the gap in which hints are lost, and can hit
RESOURCE_LOCKED on the queue name that it uses again. Here each connection has a queue of its own. A silent
peer is given up after three heartbeats and three seconds (aiormq), not after two as the lean client does.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

import aio_pika
import aiormq
from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage
from pamqp.common import FieldArray

from wire.broker import BrokerUnavailable
from wire.brokers.amqp.channel import CLOSE_SECONDS, TRANSIENT, Peer, Queue

# RuntimeError is how aiormq says "channel closed" and aio-pika "connection is not ready".
LOST_ON = (aiormq.exceptions.AMQPError, RuntimeError, OSError)


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """What the library says of a lost connection, as BrokerUnavailable.

    It also ends what waits by a bare Exception, and by a CancelledError that nobody asked for.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise BrokerUnavailable("the connection was lost") from None
    except Exception as error:
        if not isinstance(error, LOST_ON) and type(error) is not Exception:
            raise
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


class AioPikaChannel:
    """See .channel.Channel; what is lost is told once, with the reason."""

    full: asyncio.Future[None] | None = None  # each publish waits by itself

    def __init__(self, connection: AbstractConnection, raw: RawChannel, returned: Callable[[], None]) -> None:
        self._connection, self._raw, self._returned = connection, raw, returned
        self._acks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, peer: Peer, confirms: bool, lost: Callable[[str], None], returned: Callable[[], None]
    ) -> "AioPikaChannel":
        """Connect and open. Raises BrokerUnavailable."""
        with _as_unavailable():
            connection = await aio_pika.connect(
                host=peer.host,
                port=peer.port,
                login=peer.user,
                password=peer.password,
                virtualhost=peer.virtual_host,
                timeout=peer.connect_timeout_seconds,
                client_properties={"connection_name": peer.name},
                heartbeat=max(1, round(peer.heartbeat_seconds)),
            )
        try:
            with _as_unavailable():
                channel = await connection.channel(publisher_confirms=confirms, on_return_raises=False)
                raw = await channel.get_underlay_channel()
        except BaseException:
            await _close(connection)
            raise
        for one in (connection, channel):
            one.close_callbacks.add(lambda _, error: lost(str(error or "closed")))
        raw.on_consumer_cancel_callbacks.add(lambda _: lost("the broker cancelled the consumer"))
        return cls(connection, raw, returned)

    async def declare_exchange(self, name: str, exchange_type: str) -> None:
        with _as_unavailable():
            await self._raw.exchange_declare(name, exchange_type=exchange_type, durable=True)

    async def consume(self, queue: Queue, prefetch: int, received: Callable[[bytes, int], None]) -> None:
        async def on_message(message: DeliveredMessage) -> None:
            received(message.body, message.delivery_tag or 0)

        with _as_unavailable():
            await self._raw.queue_declare(
                queue.name,
                durable=queue.durable,
                exclusive=queue.exclusive,
                auto_delete=queue.auto_delete,
                arguments=dict(queue.arguments),
            )
            await self._raw.basic_qos(prefetch_count=prefetch)
            await self._raw.basic_consume(queue.name, on_message)

    async def bind(self, queue: str, exchange: str, keys: Collection[str]) -> None:
        *most, last = keys
        with _as_unavailable():
            for key in most:  # the broker keeps a channel's order: the answer to the last is one to all
                await self._raw.queue_bind(queue, exchange, key, nowait=True)
            await self._raw.queue_bind(queue, exchange, last)

    async def unbind(self, queue: str, exchange: str, key: str) -> None:
        with _as_unavailable():
            await self._raw.queue_unbind(queue, exchange, key)

    def publish(
        self, body: bytes, exchange: str, keys: Sequence[str], mandatory: bool
    ) -> asyncio.Future[None]:
        return asyncio.create_task(self._publish(body, exchange, keys, mandatory), name="rabbitmq publish")

    async def _publish(self, body: bytes, exchange: str, keys: Sequence[str], mandatory: bool) -> None:
        also: FieldArray = list(keys[1:])
        properties = aiormq.spec.Basic.Properties(
            delivery_mode=TRANSIENT, headers={"CC": also} if also else None
        )
        with _as_unavailable():
            answer = await self._raw.basic_publish(
                body,
                exchange=exchange,
                routing_key=keys[0],
                properties=properties,
                mandatory=mandatory,
            )
        if answer is not None and not isinstance(answer, aiormq.spec.Basic.Ack):  # the message itself
            self._returned()

    def ack(self, delivery_tag: int) -> None:
        task = asyncio.create_task(self._ack(delivery_tag), name="rabbitmq ack")
        self._acks.add(task)
        task.add_done_callback(self._acks.discard)

    async def _ack(self, delivery_tag: int) -> None:
        with suppress(BrokerUnavailable), _as_unavailable():
            await self._raw.basic_ack(delivery_tag, multiple=True, wait=False)

    async def close(self) -> None:
        await _close(self._connection)


async def _close(connection: AbstractConnection) -> None:
    with suppress(BrokerUnavailable), _as_unavailable():
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
