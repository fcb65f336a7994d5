"""A connection that heals itself, and tells nobody what it missed.

The mistake: `aio_pika.connect_robust` and an exclusive queue. After a broken connection it declares queue and
bindings again and goes on consuming; the code has no word about failure, and looks finished.

The harm: the queue died with the connection. What was published until the new one was bound went to no
queue, and the broker confirmed it all the same, since nobody was bound. The consumer is back, looks healthy,
and was never told that there is a gap.

The cure: a plain connection, and a loop around it. Each time it is bound again, ask the store for what came
since the last one seen. A hint may then be lost; a message is late.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aio_pika
import aiormq
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, ExchangeType

from lab.drills.drill import Shown, Tell
from lab.faults.proxy import Proxy
from lab.stack.host import running
from lab.stack.modes import Request

EXCHANGE = "drill"
EVERY_SECONDS, BEFORE, DURING, AFTER = 0.02, 50, 50, 400  # messages around one second of outage
RETRY_SECONDS, PATIENCE_SECONDS = 0.2, 10.0
BROKEN = (aiormq.exceptions.AMQPError, RuntimeError, OSError)


@dataclass
class Store:
    """The truth: what was written, what the consumer knows of it, and how much of that it had to fetch."""

    written: list[int] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    caught_up: int = 0

    @property
    def lost(self) -> int:
        return len(set(self.written) - self.known)


Consume = Callable[[str, Store], Awaitable[None]]


async def robust(url: str, store: Store) -> None:
    """The mistake."""
    connection = await aio_pika.connect_robust(url)
    async with connection:
        await _bound(connection, store)
        await asyncio.Future()


async def supervised(url: str, store: Store) -> None:
    """The cure."""
    while True:
        with suppress(*BROKEN):
            connection = await aio_pika.connect(url)
            async with connection:
                gone = _gone(connection)
                await _bound(connection, store)
                missed = set(store.written) - store.known
                store.known |= missed
                store.caught_up += len(missed)
                await gone.wait()
        await asyncio.sleep(RETRY_SECONDS)


def _gone(connection: AbstractConnection) -> asyncio.Event:
    """Set when the connection ends; its own `closed()` is not when the other end broke it."""
    gone = asyncio.Event()
    connection.close_callbacks.add(lambda *_: gone.set())
    return gone


async def _bound(connection: AbstractConnection, store: Store) -> None:
    channel = await connection.channel()
    exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.FANOUT)
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange)

    async def hear(message: AbstractIncomingMessage) -> None:
        store.known.add(int(message.body))

    await queue.consume(hear, no_ack=True)


def show(tell: Tell, folder: Path) -> Shown:
    """One second without the broker, for a consumer of each kind."""
    tell("starting RabbitMQ ...")
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)  # the drill says what happens
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    request = Request(folder / "s", api=0, websockets=0, levers={"BROKER": "rabbitmq"})
    with running(request) as stack:
        assert stack.rabbitmq
        tell("connect_robust, and the way to the broker breaks for a second ...")
        harm = asyncio.run(_through_an_outage(stack.rabbitmq, robust))
        tell("a plain connection that is made anew, with a look at the store ...")
        cure = asyncio.run(_through_an_outage(stack.rabbitmq, supervised))
    return Shown(
        "confirmed messages that the consumer knows of",
        "%",
        100 * len(harm.known) / len(harm.written),
        100 * len(cure.known) / len(cure.written),
        [
            ("never heard of", str(harm.lost), str(cure.lost)),
            ("fetched from the store after the gap", str(harm.caught_up), str(cure.caught_up)),
        ],
    )


async def _through_an_outage(rabbitmq: dict[str, object], consume: Consume) -> Store:
    """What the consumer knows after a publisher that was never interrupted wrote and confirmed everything."""
    port = int(str(rabbitmq["port"]))
    store, proxy = Store(), Proxy(("127.0.0.1", port))
    await proxy.start()
    account = f"{rabbitmq['user']}:{quote(str(rabbitmq['password']))}"
    url = f"amqp://{account}@127.0.0.1:{proxy.port}/"
    consumer = asyncio.ensure_future(consume(url, store))
    connection = await aio_pika.connect(f"amqp://{account}@127.0.0.1:{port}/")
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.FANOUT)

        async def publish(count: int) -> None:
            for _ in range(count):
                number = len(store.written)
                store.written.append(number)
                await exchange.publish(aio_pika.Message(str(number).encode()), "", mandatory=False)
                await asyncio.sleep(EVERY_SECONDS)

        await _until_known(store, publish)
        await publish(BEFORE)
        proxy.refuse()
        await publish(DURING)
        proxy.heal()
        await publish(AFTER)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while store.written[-1] not in store.known:
                    await publish(1)
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    await proxy.close()
    return store


async def _until_known(store: Store, publish: Callable[[int], Awaitable[None]]) -> None:
    """Wait until the consumer is bound; what came before is of no interest."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not store.known:
            await publish(1)
    store.known.update(store.written)
