"""Broker `memory`: publisher and consumer in one process share a hub. No bytes, no waiting."""

import asyncio
import logging
from collections.abc import Sequence
from types import MappingProxyType

import msgspec

from wire.broker import BrokerUnavailable, GenerationHandler, HintHandler
from wire.brokers.bindings import Bindings
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage
from wire.topology import key_of_user

logger = logging.getLogger(__name__)


class MemoryHub:
    """What one process's publishers and consumers share. Tests stop and start it like a server."""

    def __init__(self) -> None:
        self.running = True
        self.consumers: list[MemoryConsumer] = []

    def stop(self) -> None:
        """From now on as if the broker had died: publishing raises, consumers are disconnected."""
        self.running = False

    def start(self) -> None:
        """As if the broker were back: every consumer gets a new generation."""
        self.running = True
        for consumer in self.consumers:
            consumer.reconnect()


class MemoryPublisher:
    """Calls the consumers' handlers on its own stack."""

    in_effect = MappingProxyType({"broker": "memory"})

    def __init__(self, settings: BrokerSettings, hub: MemoryHub) -> None:
        self._hub = hub
        self._closed: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        return self._closed is not None and not self._closed.done() and self._hub.running

    @property
    def returned(self) -> int:
        return 0

    async def start(self) -> None:
        self._closed = asyncio.get_running_loop().create_future()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        if not self.connected:
            raise BrokerUnavailable("the memory broker is stopped")
        for consumer in self._hub.consumers.copy():
            consumer.deliver(hints)

    async def wait_closed(self) -> None:
        if self._closed is not None:
            await asyncio.shield(self._closed)

    async def close(self) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)


class MemoryConsumer:
    """Hears everything and keeps what is bound; routing and encoding mean nothing here."""

    in_effect = MappingProxyType({"broker": "memory"})

    def __init__(self, settings: BrokerSettings, hub: MemoryHub) -> None:
        self._hub = hub
        self._name = f"{settings.client_name} memory consumer"
        self._bindings = Bindings(key_of_user("fanout"))
        self._generation = 0
        self._closed: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_hints: HintHandler
        self._on_generation: GenerationHandler
        self.unwanted = 0  # a hub carries nothing: a hint that nobody here wants costs nothing

    @property
    def connected(self) -> bool:
        return self._hub.running and self in self._hub.consumers

    @property
    def generation(self) -> int:
        return self._generation

    async def start(self, on_hints: HintHandler, on_generation: GenerationHandler) -> None:
        self._on_hints, self._on_generation = on_hints, on_generation
        self._closed = asyncio.get_running_loop().create_future()
        self._hub.consumers.append(self)
        if self._hub.running:
            self.reconnect()

    def reconnect(self) -> None:
        """A new generation begins."""
        self._generation += 1
        generation = self._generation

        async def catch_up() -> None:
            await self._on_generation(generation)

        for task in self._tasks:
            task.cancel()
        task = asyncio.create_task(catch_up(), name=f"{self._name} generation {generation}")
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def deliver(self, hints: Sequence[DialogMessage]) -> None:
        """Give the handler what is wanted of a batch, each hint with its own `way`."""
        users = self._bindings.users
        wanted = [
            hint if hint.way is None else msgspec.structs.replace(hint, way=hint.way.copy())
            for hint in hints
            if hint.from_user_id in users or hint.to_user_id in users
        ]
        if not wanted:
            return
        try:
            self._on_hints(wanted)
        except Exception as error:
            self._fail(error)

    async def bind(self, user_id: int) -> None:
        self._bindings.add(user_id)

    async def unbind(self, user_id: int) -> None:
        self._bindings.remove(user_id)

    async def wait_closed(self) -> None:
        if self._closed is not None:
            await asyncio.shield(self._closed)

    async def close(self) -> None:
        self._leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _leave(self) -> None:
        if self in self._hub.consumers:
            self._hub.consumers.remove(self)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._leave()
        if self._closed is not None and not self._closed.done():
            logger.critical("%s: ended by %r", self._name, error, exc_info=error)
            self._closed.set_exception(error)
            self._closed.exception()  # logged above; wait_closed() still raises it
