"""The sweep: what was written lately, against what was heard of. Holes are fetched and delivered.

It makes the promise independent of the broker: while that is away, and for a minute after any repair,
it runs every two seconds; otherwise every 30 s +-20 %.
"""

import asyncio
import logging
import random
import time
from contextlib import suppress
from uuid import UUID

from websocket_service import close_codes
from websocket_service.database import LATE_COMMIT_SECONDS, Database, DatabaseAway
from websocket_service.metrics import Metrics
from websocket_service.outgoing import Outgoing
from websocket_service.seen import Seen
from websocket_service.users import Users
from wire.broker import Consumer
from wire.message import DialogMessage

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0  # while the broker is away or was found to lose hints
ALARM_SECONDS = 60.0
JITTER = 0.2
# A hint that is still on its way is not lost: messages younger than this are left to the next sweep.
ON_ITS_WAY_SECONDS = 2.0
USERS_AT_ONCE = 500
MESSAGES_AT_ONCE = 500
FORGET_SECONDS = 180.0  # more than a sweep looks back


class Sweep:
    """`catch_up` at every new connection to the broker; `run` beside it."""

    def __init__(
        self,
        *,
        users: Users,
        seen: Seen,
        database: Database,
        consumer: Consumer,
        metrics: Metrics,
        interval_seconds: float,
    ) -> None:
        self._users = users
        self._seen = seen
        self._database = database
        self._consumer = consumer
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._alarm_until = 0.0
        self._suspicious = False  # hints may have been lost up to this moment
        self._wake = asyncio.Event()

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {"sweep_seconds": self._interval_seconds}

    async def catch_up(self, generation: int) -> None:
        """The broker's connection is new: hints before it may be lost."""
        self._suspicious = True
        self._wake.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self._wait_for_next()
            try:
                await self.sweep()
            except DatabaseAway as error:
                self._metrics.database_errors += 1
                logger.warning("sweep not done: %s", error)
                self._alarm_until = max(self._alarm_until, time.monotonic() + POLL_SECONDS)  # soon again

    async def _wait_for_next(self) -> None:
        """Until the next sweep is due, or wanted now; looks again and again whether it has become urgent."""
        pause = self._interval_seconds * random.uniform(1 - JITTER, 1 + JITTER)
        ends = time.monotonic() + pause
        step = min(POLL_SECONDS, self._interval_seconds)
        urgent = self._urgent()
        while not self._wake.is_set() and time.monotonic() < ends:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(step, ends - time.monotonic())):
                    await self._wake.wait()
            if urgent or self._urgent():
                break
        self._wake.clear()

    def _urgent(self) -> bool:
        return not self._consumer.connected or time.monotonic() < self._alarm_until

    async def sweep(self) -> int:
        """Once, now; the number of messages that no hint had brought. Raises DatabaseAway."""
        epoch = self._database.epoch
        found, now = await self._database.look()
        if epoch and found != epoch:
            logger.error("the database's history changed from %s to %s", epoch, found)
            self._end_all()
        quick = self._suspicious or not self._consumer.connected
        self._suspicious = False
        # Half as long while it polls: what the broker keeps back then comes 1 to 3 s late, not 2 to 4.
        on_its_way = ON_ITS_WAY_SECONDS / 2 if self._urgent() else ON_ITS_WAY_SECONDS
        until = now if quick else now - on_its_way
        after = min(self._users.swept_until or until, until) - LATE_COMMIT_SECONDS
        repaired = 0
        user_ids = list(self._users.users)
        try:
            for start in range(0, len(user_ids), USERS_AT_ONCE):
                repaired += await self._sweep_users(user_ids[start : start + USERS_AT_ONCE], after, until)
        except DatabaseAway:
            self._suspicious = self._suspicious or quick
            raise
        # Later commits with an earlier time are looked for by the next sweep, which begins before this.
        self._users.swept_until = until
        self._metrics.sweeps += 1
        self._metrics.repairs += repaired
        if repaired:
            self._alarm_until = time.monotonic() + ALARM_SECONDS
        self._seen.forget(FORGET_SECONDS)
        return repaired

    async def _sweep_users(self, user_ids: list[int], after: float, until: float) -> int:
        holes: list[tuple[UUID, int, int]] = []
        for dialog_id, first, last in await self._database.fetch("recent_dialogs", user_ids, after, until):
            holes += [(dialog_id, *hole) for hole in self._seen.holes(dialog_id, first, last)]
        repaired = 0
        for some in _portions(holes):
            for message in await self._database.messages_in_ranges(some):
                repaired += self._repair(message)
            await asyncio.sleep(0)  # others first
        return repaired

    def _repair(self, message: DialogMessage) -> bool:
        """Deliver it to whom it is due; whether it was lost, and not only from before our time."""
        if self._seen.note(message.dialog_id, message.seq) == "duplicate":
            return False  # its hint came meanwhile
        outgoing = Outgoing(message)
        lost = False
        for user_id in (message.from_user_id, message.to_user_id):
            user = self._users.users.get(user_id)
            if user is None or message.created_at < user.since - LATE_COMMIT_SECONDS:
                continue  # the resume of its sessions brought it
            self._users.deliver_to(user, outgoing)
            lost = lost or message.created_at > user.since
        return lost

    def _end_all(self) -> None:
        for session in list(self._users.sessions):
            session.end(close_codes.POSITION_LOST)
        self._users.forget_rings()


def _portions(holes: list[tuple[UUID, int, int]]) -> list[list[tuple[UUID, int, int]]]:
    """Holes in portions of about MESSAGES_AT_ONCE messages; a larger hole is cut."""
    portions: list[list[tuple[UUID, int, int]]] = []
    room = 0
    for dialog_id, first, last in holes:
        start = first
        while start <= last:
            if room == 0:
                portions.append([])
                room = MESSAGES_AT_ONCE
            stop = min(last, start + room - 1)
            portions[-1].append((dialog_id, start, stop))
            room -= stop - start + 1
            start = stop + 1
    return portions
