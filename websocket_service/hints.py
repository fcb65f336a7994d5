"""From the broker to the sessions: each hint is told apart, completed if need be, and delivered."""

import asyncio
import logging
import time
from collections.abc import Sequence

from websocket_service.database import Database, DatabaseAway
from websocket_service.metrics import Metrics
from websocket_service.outgoing import Outgoing
from websocket_service.seen import Seen
from websocket_service.users import Users
from wire.message import DialogMessage

logger = logging.getLogger(__name__)

MAX_WAITING = 5_000  # hints whose content is still to be fetched; beyond it they are dropped and counted
FETCH_AT_ONCE = 500


class Hints:
    """`take` is the broker's handler: it never waits."""

    def __init__(self, users: Users, seen: Seen, metrics: Metrics) -> None:
        self._users = users
        self._seen = seen
        self._counts = metrics.hints

    def take(self, hints: Sequence[DialogMessage]) -> None:
        """Deliver what is new of these."""
        now = time.time()
        for hint in hints:
            kind = self._seen.note(hint.dialog_id, hint.seq)
            self._counts[kind] += 1
            if kind != "duplicate":
                if hint.way is not None:
                    hint.mark(now)
                self._users.deliver(Outgoing(hint))


class NotifiedHints:
    """For PAYLOAD=notify: hints come without content, which is fetched; those of one fetch are one query."""

    def __init__(self, hints: Hints, database: Database, metrics: Metrics) -> None:
        self._hints = hints
        self._database = database
        self._metrics = metrics
        self._waiting: list[DialogMessage] = []
        self._some = asyncio.Event()

    def take(self, hints: Sequence[DialogMessage]) -> None:
        """Queue them: an API service always sends some content, so an empty one is to be fetched."""
        room = MAX_WAITING - len(self._waiting)
        self._waiting += hints[:room]
        self._metrics.hints["dropped"] += len(hints[room:])
        self._some.set()

    async def run(self) -> None:
        """Fetch and hand on until cancelled. What cannot be fetched is left to the sweep."""
        while True:
            await self._some.wait()
            some, self._waiting = self._waiting[:FETCH_AT_ONCE], self._waiting[FETCH_AT_ONCE:]
            if not self._waiting:
                self._some.clear()
            try:
                await self._complete([hint for hint in some if not hint.content])
            except DatabaseAway as error:
                self._metrics.hints["dropped"] += len(some)
                self._metrics.database_errors += 1
                logger.warning("%d hints without content dropped: %s", len(some), error)
                some = []
            self._hints.take([hint for hint in some if hint.content])

    async def _complete(self, bare: list[DialogMessage]) -> None:
        if not bare:
            return
        wanted = {(hint.dialog_id, hint.seq, hint.seq) for hint in bare}
        rows = await self._database.messages_in_ranges(sorted(wanted))
        content = {(row.dialog_id, row.seq): row.content for row in rows}
        for hint in bare:
            hint.content = content.get((hint.dialog_id, hint.seq), "")
