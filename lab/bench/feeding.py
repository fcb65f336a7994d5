"""Hints for the services of a stack from the benchmark itself, past the API and the database."""

import asyncio

from lab.stack.description import StackDescription
from wire.broker import Publisher
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage


class Gathering:
    """Hints in batches as the API forms them (backend/publishing.py): of what came while the last publish was
    under way, or within the interval. `run` beside `put`; `publishes` were begun."""

    def __init__(self, publisher: Publisher, interval_seconds: float) -> None:
        self._publisher = publisher
        self._interval_seconds = interval_seconds
        self._waiting: list[DialogMessage] = []
        self._something = asyncio.Event()
        self._under_way = False
        self.publishes = 0

    def put(self, message: DialogMessage) -> None:
        """Hand over; never waits."""
        self._waiting.append(message)
        self._something.set()

    async def run(self) -> None:
        """Publish until cancelled. Raises BrokerError."""
        loop = asyncio.get_running_loop()
        next_at = 0.0
        while True:
            await self._something.wait()
            if (rest := next_at - loop.time()) > 0:
                await asyncio.sleep(rest)
            next_at = loop.time() + self._interval_seconds
            self._something.clear()
            batch, self._waiting = self._waiting, []
            self.publishes += 1
            self._under_way = True
            await self._publisher.publish(batch)
            self._under_way = False

    async def flush(self) -> None:
        """Wait until all is published."""
        while self._waiting or self._under_way:  # noqa: ASYNC110 (at the end only)
            await asyncio.sleep(0.001)


def broker_of(stack: StackDescription, name: str = "rabbitmq") -> BrokerSettings:
    """How to publish to the services of this stack; `name` is its broker, postgres or rabbitmq."""
    if name == "postgres":
        return BrokerSettings(broker="postgres", postgres_dsn=stack.postgres.dsn, client_name="bench")
    assert stack.rabbitmq is not None
    rabbitmq = stack.rabbitmq
    return BrokerSettings(
        broker="rabbitmq",
        rabbitmq_hosts=tuple(str(rabbitmq["host"]).split(",")),
        rabbitmq_port=int(rabbitmq["port"]),
        rabbitmq_user=str(rabbitmq["user"]),
        rabbitmq_password=str(rabbitmq["password"]),
        client_name="bench",
    )
