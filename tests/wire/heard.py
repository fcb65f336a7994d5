"""What a consumer of a test heard, and how to wait for it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from tests.waiting import PATIENCE_SECONDS
from wire.broker import BrokerUnavailable, Consumer, Publisher
from wire.message import DialogMessage, dialog_id_of

LIMIT_SECONDS = PATIENCE_SECONDS  # of every wait; nothing waits so long unless it is broken


def hint(from_user: int, to_user: int, seq: int, content: str = "hi") -> DialogMessage:
    dialog = dialog_id_of(from_user, to_user)
    return DialogMessage(dialog, seq, uuid4(), from_user, to_user, content, time.time())


async def until(condition: Callable[[], object], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait for a condition. Raises AssertionError naming it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.01)


@dataclass
class Heard:
    """A consumer's handlers: keep everything."""

    calls: list[Sequence[DialogMessage]] = field(default_factory=list)
    generations: list[int] = field(default_factory=list)

    def on_hints(self, hints: Sequence[DialogMessage]) -> None:
        self.calls.append(hints)

    async def on_generation(self, generation: int) -> None:
        self.generations.append(generation)

    @property
    def hints(self) -> list[DialogMessage]:
        return [hint for call in self.calls for hint in call]

    @property
    def seqs(self) -> list[int]:
        return [hint.seq for hint in self.hints]

    async def has(self, count: int) -> None:
        await until(lambda: len(self.hints) >= count, f"{count} hints, heard {len(self.hints)}")

    async def has_seq(self, seq: int) -> None:
        await until(lambda: seq in self.seqs, f"the hint with seq {seq}")

    async def is_generation(self, generation: int) -> None:
        await until(lambda: self.generations[-1] == generation, f"generation {generation}")


async def listening(consumer: Consumer, *users: int) -> Heard:
    """A connected consumer that has bound these users."""
    heard = Heard()
    await consumer.start(heard.on_hints, heard.on_generation)
    for user in users:
        await consumer.bind(user)
    await until(lambda: consumer.connected and heard.generations, "the consumer is connected")
    return heard


async def ready(publisher: Publisher) -> Publisher:
    """The publisher, once it is connected."""
    await publisher.start()
    await until(lambda: publisher.connected, "the publisher is connected")
    return publisher


async def published(publisher: Publisher, hints: Sequence[DialogMessage]) -> None:
    """Publish, again and again while the publisher finds out that its connection was lost."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            with suppress(BrokerUnavailable):
                return await publisher.publish(hints)
            await asyncio.sleep(0.02)


async def settled(publisher: Publisher, *heard: Heard, users: tuple[int, int] = (900_001, 900_002)) -> None:
    """Return when all that was published before has come: a last hint travels the same way.

    Each consumer must have bound the first of `users`.
    """
    await publisher.publish([hint(*users, seq=999_999)])
    for one in heard:
        await one.has_seq(999_999)
        one.calls[:] = [[h for h in call if h.seq != 999_999] for call in one.calls]
        one.calls[:] = [call for call in one.calls if call]
