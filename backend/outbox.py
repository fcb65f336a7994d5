"""delivery = outbox: a row beside the message, in its transaction, deleted when the broker has confirmed.

The usual way out is the publish queue; the relay publishes what is left after a second, that is after
a crash between commit and publish or while the broker was away. One relay runs, whatever the number of
processes: it holds an advisory lock of the database.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import asyncpg

from backend.pools import AWAY, Connect, DatabaseUnavailable, Pool
from backend.publishing import Shape
from wire.broker import BrokerError, Publisher
from wire.message import DialogMessage

logger = logging.getLogger(__name__)

BATCH = 500
POLL_SECONDS = 0.25  # with the row's age of 1 s: a crash's hints are out after 1.5 s at most


class Outbox:
    """`done` deletes rows; `run_relay` publishes old ones."""

    def __init__(
        self,
        pool: Pool,
        connect: Connect,
        publisher: Publisher,
        queries: Mapping[str, str],
        *,
        shape: Shape,
    ) -> None:
        self._pool = pool
        self._shape = shape
        self._connect = connect
        self._publisher = publisher
        self._waiting = queries["outbox_waiting"]
        self._done = queries["outbox_done"]
        self._lock = queries["relay_lock"]

    async def done(self, messages: Sequence[DialogMessage]) -> None:
        """Forget confirmed hints. When the database is away they stay, and are published once more later."""
        try:
            await self._pool.fetch(
                self._done, [message.dialog_id for message in messages], [message.seq for message in messages]
            )
        except (DatabaseUnavailable, asyncpg.PostgresError) as error:
            logger.warning("%d outbox rows not deleted: %s", len(messages), error)

    async def run_relay(self) -> None:
        """Publish old rows whenever this process holds the lock, until cancelled."""
        while True:
            try:
                connection = await self._connect()
            except AWAY:
                await asyncio.sleep(1)
                continue
            try:
                while not await connection.fetchval(self._lock):  # noqa: ASYNC110 (another process sets it)
                    await asyncio.sleep(POLL_SECONDS)
                while not connection.is_closed():  # the lock is the connection's
                    if not await self._relay():
                        await connection.execute("SELECT 1")
                        await asyncio.sleep(POLL_SECONDS)
            except (*AWAY, DatabaseUnavailable, asyncpg.PostgresError) as error:
                logger.warning("outbox relay: %s", error)
                await asyncio.sleep(POLL_SECONDS)
            finally:
                connection.terminate()

    async def _relay(self) -> bool:
        """One batch; whether there may be more at once."""
        rows = await self._pool.fetch(self._waiting, BATCH)
        if not rows:
            return False
        messages = [self._shape(DialogMessage(*row)) for row in rows]
        try:
            await self._publisher.publish(messages)
        except BrokerError:
            return False
        await self.done(messages)
        return len(rows) == BATCH
