"""The queue between the commit and the broker, by itself."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from backend.metrics import Metrics
from backend.publishing import PublishQueue
from tests.waiting import eventually
from wire.message import DialogMessage, dialog_id_of

INTERVAL_SECONDS = 0.2


class Taking:
    """A broker that takes everything; `batches`: when each came, and the seqs in it."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, list[int]]] = []

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        self.batches.append((time.monotonic(), [hint.seq for hint in hints]))

    @property
    def seqs(self) -> list[int]:
        return [seq for _, batch in self.batches for seq in batch]


def message(seq: int) -> DialogMessage:
    return DialogMessage(dialog_id_of(1, 2), seq, uuid4(), 1, 2, "hello", time.time())


@asynccontextmanager
async def running(interval_seconds: float):
    broker = Taking()
    queue = PublishQueue(broker, Metrics(), interval_seconds=interval_seconds)  # type: ignore[arg-type]
    task = asyncio.create_task(queue.run())
    yield queue, broker
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_comes_within_an_interval_shares_a_publish_and_a_lone_hint_leaves_at_once():
    async with running(INTERVAL_SECONDS) as (queue, broker):
        queue.put(message(1))
        await eventually(lambda: broker.seqs == [1])
        for seq in range(2, 12):
            queue.put(message(seq))
        await eventually(lambda: broker.seqs == list(range(1, 12)))
    (first, _), (second, gathered) = broker.batches
    assert gathered == list(range(2, 12))
    assert second - first >= INTERVAL_SECONDS * 0.99  # a timer may be early by its own grain


async def test_without_an_interval_nothing_waits_for_others():
    async with running(0.0) as (queue, broker):
        for seq in range(1, 6):
            queue.put(message(seq))
            await eventually(lambda: len(broker.batches) == seq)  # noqa: B023  # asked at once
    assert [batch for _, batch in broker.batches] == [[1], [2], [3], [4], [5]]
