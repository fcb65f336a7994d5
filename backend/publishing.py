"""From the commit to the broker, outside of any request: a bounded queue, batches, tries.

No request waits for the broker. What does not reach it is counted; the websocket services find those
messages in the database (sweep), and with delivery = outbox a relay publishes them again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from backend.metrics import Metrics
from wire.broker import BrokerError, Publisher
from wire.message import DialogMessage

logger = logging.getLogger(__name__)

CAPACITY = 5_000  # hints; some seconds of a busy process
MAX_BATCH = 256
TRIES = 3
PAUSE_SECONDS = (0.1, 0.5)

# What of a message is carried: all of it, or (PAYLOAD=notify) all but the content.
Shape = Callable[[DialogMessage], DialogMessage]
Confirmed = Callable[[Sequence[DialogMessage]], Awaitable[None]]


def whole(message: DialogMessage) -> DialogMessage:
    """PAYLOAD=full."""
    return message


def without_content(message: DialogMessage) -> DialogMessage:
    """PAYLOAD=notify: the receiver fetches the content, which is never empty otherwise."""
    return msgspec.structs.replace(message, content="")


class PublishQueue:
    """`put` never waits. `confirmed` is called with each batch that the broker took.

    DELIVERY=fire_and_forget: one try. With an interval no publish begins sooner than so long after the last
    one began: what comes meanwhile shares a message.
    """

    def __init__(  # noqa: PLR0917
        self,
        publisher: Publisher,
        metrics: Metrics,
        confirmed: Confirmed | None = None,
        shape: Shape | None = None,
        tries: int = TRIES,
        interval_seconds: float = 0.0,
    ) -> None:
        self._interval_seconds = interval_seconds
        self._shape = shape or whole
        self._tries = tries
        self.capacity = CAPACITY
        self._publisher = publisher
        self._metrics = metrics
        self._confirmed = confirmed
        self._queue: list[DialogMessage] = []
        self._idle: asyncio.Future[None] | None = None
        self._waiting = 0  # put and not yet taken or given up

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        again = "confirm" if self._tries > 1 else "fire_and_forget"
        return {
            "payload": "notify" if self._shape is without_content else "full",
            "delivery": "outbox" if self._confirmed else again,
            "publish_interval_seconds": self._interval_seconds,
        }

    def put(self, message: DialogMessage) -> None:
        """Hand over a hint of a committed message; when the queue is full it is dropped and counted."""
        if self._waiting >= self.capacity:
            self._metrics.hints_dropped += 1
            return
        logger.debug("message %d of dialog %s is committed", message.seq, message.dialog_id)
        self._waiting += 1
        self._metrics.hints_waiting = self._waiting
        self._queue.append(self._shape(message))
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    async def run(self) -> None:
        """Publish until cancelled, one batch after the other: so they stay in order.

        What arrives meanwhile is the next batch; a busy or slow broker gets larger ones.
        """
        loop = asyncio.get_running_loop()
        next_at = 0.0
        while True:
            if not self._queue:
                self._idle = loop.create_future()
                await self._idle
            if (rest := next_at - loop.time()) > 0:
                await asyncio.sleep(rest)
            next_at = loop.time() + self._interval_seconds
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
            try:
                await self._publish(batch)
            finally:
                self._waiting -= len(batch)
                self._metrics.hints_waiting = self._waiting

    async def flush(self, seconds: float) -> None:
        """Wait until the queue is empty, at most so long."""
        deadline = time.monotonic() + seconds
        while self._waiting and time.monotonic() < deadline:  # noqa: ASYNC110 (at the end only)
            await asyncio.sleep(0.01)

    async def _publish(self, batch: list[DialogMessage]) -> None:
        now = time.time()
        self._metrics.hint_batch_sizes.observe(len(batch))
        for message in batch:
            message.mark(now)
        for attempt in range(1, self._tries + 1):
            try:
                await self._publisher.publish(batch)  # it has a time limit of its own
                break
            except BrokerError as error:
                if attempt == self._tries:
                    self._metrics.hints_failed += len(batch)
                    reason = str(error) or type(error).__name__
                    logger.warning("%d hints not published: %s", len(batch), reason)
                    return
                await asyncio.sleep(PAUSE_SECONDS[attempt - 1])
        self._metrics.hints_published += len(batch)
        if self._confirmed is not None:
            await self._confirmed(batch)
