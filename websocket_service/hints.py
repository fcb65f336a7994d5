"""From the broker to the sessions: each hint is told apart, completed if need be, and delivered."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

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

    in_effect: Mapping[str, object] = MappingProxyType({"payload": "full"})

    def __init__(self, users: Users, seen: Seen, metrics: Metrics) -> None:
        self._users = users
        self._seen = seen
        self._counts = metrics.hints

    def take(self, hints: Sequence[DialogMessage]) -> None:
        """Deliver what is new of these."""
        now = time.time()
        telling = logger.isEnabledFor(logging.DEBUG)  # asked once: a hint is a matter of microseconds
        for hint in hints:
            kind = self._seen.note(hint.dialog_id, hint.seq)
            self._counts[kind] += 1
            if telling:
                logger.debug("message %d of dialog %s heard of: %s", hint.seq, hint.dialog_id, kind)
            if kind != "duplicate":
                if hint.way is not None:
                    hint.mark(now)
                self._users.deliver(Outgoing(hint))


class NotifiedHints:
    """For PAYLOAD=notify: hints come without content, which is fetched; those of one fetch are one query."""

    in_effect = MappingProxyType({"payload": "notify"})

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
                self._hints.take(await self._completed(some))
            except DatabaseAway as error:
                self._metrics.hints["dropped"] += len(some)
                self._metrics.database_errors += 1
                logger.warning("%d hints without content dropped: %s", len(some), error)

    async def _completed(self, some: list[DialogMessage]) -> list[DialogMessage]:
        """In the same order. Copies: a broker in memory gives one hint to several services."""
        wanted = {(hint.dialog_id, hint.seq, hint.seq) for hint in some if not hint.content}
        if not wanted:
            return some
        self._metrics.refetches += 1
        rows = await self._database.messages_in_ranges(sorted(wanted))
        contents = {(row.dialog_id, row.seq): row.content for row in rows}
        completed = [
            hint
            if hint.content
            else msgspec.structs.replace(hint, content=contents.get((hint.dialog_id, hint.seq), ""))
            for hint in some
        ]
        return [hint for hint in completed if hint.content]
