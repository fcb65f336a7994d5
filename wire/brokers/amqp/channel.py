"""What the sessions of wire.brokers.rabbitmq need of an AMQP client."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

TRANSIENT = 1  # delivery mode: a classic queue's confirm waits for no disk; PostgreSQL is the truth
CLOSE_SECONDS = 2.0  # for a broker's last word

ClientName = Literal["aio_pika", "lean"]


@dataclass(frozen=True)
class Queue:
    """A queue to be declared. Durations and bounds stand in `arguments`, as the broker names them."""

    name: str
    durable: bool
    exclusive: bool
    auto_delete: bool
    arguments: Mapping[str, str | int]


@dataclass(frozen=True)
class Peer:
    """Whom to connect to, and as whom. A peer silent for two or three times heartbeat_seconds is lost."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str
    name: str
    heartbeat_seconds: float
    connect_timeout_seconds: float


class Channel(Protocol):
    """One channel. When it is lost every coroutine and confirm raises BrokerUnavailable; publish may.

    `full`: done when the socket takes bytes again, None while it does. What is published meanwhile is kept in
    memory, so wait for it first (without cancelling it: others wait as well).
    """

    full: asyncio.Future[None] | None

    async def declare_exchange(self, name: str, exchange_type: str) -> None:
        """A durable one."""

    async def consume(self, queue: Queue, prefetch: int, received: Callable[[bytes, int], None]) -> None:
        """Declare the queue; `received` is called with body and delivery tag of each message."""

    async def bind(self, queue: str, exchange: str, keys: Collection[str]) -> None:
        """Returns when all are effective. At least one key."""

    async def unbind(self, queue: str, exchange: str, key: str) -> None: ...

    def publish(
        self, body: bytes, exchange: str, keys: Sequence[str], mandatory: bool
    ) -> asyncio.Future[None]:
        """Send to every queue that is bound to one of the keys, once.

        Done when confirmed, or without confirms at once. With `mandatory` a message that
        no queue takes is told to `returned`.
        """

    def ack(self, delivery_tag: int) -> None:
        """This message and all before it."""

    async def close(self) -> None:
        """Within a bounded time."""
