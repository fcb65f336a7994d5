"""Group commit: the sends that arrived while the last commit was under way share the next one.

Nothing waits for company: an idle process commits a lone message at once, as it would without this.
The busier the process or the slower the disk, the larger the batches.
"""

import asyncio
import logging

from backend.metrics import Metrics
from backend.store import Outcome, Store
from wire.message import DialogMessage

logger = logging.getLogger(__name__)

MAX_BATCH = 256  # about 1 ms of the event loop; beyond it the gain a message is nil

Waiting = tuple[DialogMessage, "asyncio.Future[Outcome]"]


class GroupCommit:
    """`send` may be awaited as soon as `run` is running, and not before."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._waiting: list[Waiting] = []
        self._idle: asyncio.Future[None] | None = None  # what run() waits for
        self._lone = False

    async def send(self, message: DialogMessage) -> Outcome:
        """Store a message with the next commit; seq and created_at are filled in. See Store.send."""
        if self._idle is not None and not self._lone and not self._waiting:
            return await self._send_lone(message)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        self._wake()
        return await future

    async def _send_lone(self, message: DialogMessage) -> Outcome:
        """Nothing is under way: exactly what happens without group commit. What arrives meanwhile waits."""
        self._lone = True
        self._metrics.batch_sizes.observe(1)
        try:
            return await self._store.send(message)
        finally:
            self._lone = False
            if self._waiting:
                self._wake()

    def _wake(self) -> None:
        if self._idle is not None and not self._lone:
            self._idle.set_result(None)
            self._idle = None

    async def run(self) -> None:
        """Commit what waits, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._idle = loop.create_future()
                await self._idle
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            self._metrics.batch_sizes.observe(len(batch))
            if len(batch) == 1:
                await self._alone(*batch[0])
            else:
                await self._together(batch)

    async def _together(self, batch: list[Waiting]) -> None:
        try:
            unanswered = await self._store.send_batch([message for message, _ in batch])
        except Exception as error:
            # One of them, or the connection: each gets its own answer. A message that was stored
            # after all is found by its id.
            logger.info("batch of %d failed, one by one now: %s", len(batch), error)
            self._metrics.batches_retried += 1
            await self._each(batch)
            return
        if unanswered:
            left = set(map(id, unanswered))
            late = [waiting for waiting in batch if id(waiting[0]) in left]
            batch = [waiting for waiting in batch if id(waiting[0]) not in left]
        for _, future in batch:
            if not future.done():
                future.set_result("stored")
        if unanswered:
            await self._each(late)

    async def _each(self, batch: list[Waiting]) -> None:
        """One by one, at the same time: none waits for a neighbour whose dialog is locked."""
        async with asyncio.TaskGroup() as tasks:
            for message, future in batch:
                tasks.create_task(self._alone(message, future))

    async def _alone(self, message: DialogMessage, future: "asyncio.Future[Outcome]") -> None:
        try:
            outcome = await self._store.send(message)
        except Exception as error:
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            future.set_result(outcome)
