"""Where a client goes on: from its user's ring, from the database, or anew."""

import asyncio
import logging
from dataclasses import dataclass

from websocket_service import close_codes, cursor
from websocket_service.close_codes import Refused
from websocket_service.cursor import Cursor
from websocket_service.database import Database, DatabaseAway
from websocket_service.frames import Resumed
from websocket_service.outgoing import Outgoing
from websocket_service.session import Session
from websocket_service.users import Users

logger = logging.getLogger(__name__)

OLDEST_SECONDS = 86_400.0
# User, the time of its cursor, and where the answer goes: its messages, None for too many.
Asked = tuple[int, float, asyncio.Future[list[Outgoing] | None]]
USERS_AT_ONCE = 100
MESSAGES_AT_ONCE = 5_000  # beyond it a client does better with pages over HTTP


@dataclass(frozen=True)
class Resumption:
    """How a session goes on, and what is to be written to it before anything else."""

    kind: Resumed
    messages: list[Outgoing]


class Resume:
    """Answers `begin` for one session after another; `run` asks the database for many at once."""

    def __init__(self, users: Users, database: Database) -> None:
        self._users = users
        self._database = database
        self._waiting: list[Asked] = []
        self._some = asyncio.Event()

    async def begin(self, session: Session, text: str | None) -> Resumption:
        """For a session that buffers and is bound already (I2). Raises Refused."""
        registered = self._database.settled
        given = cursor.parse(text) if text else None
        if given is not None and given.database == self._database.epoch_bytes:
            events = self._from_ring(session, given)
            if events is not None:
                session.complete_until = given.time
                return Resumption("ring", events)
            if self._database.now - given.time < OLDEST_SECONDS:
                missed = await self._from_database(session.user.id, given.time)
                if missed is not None:
                    session.complete_until = registered
                    return Resumption("db", missed)
        session.complete_until = registered
        return Resumption("none" if text else "new", [])

    def _from_ring(self, session: Session, given: Cursor) -> list[Outgoing] | None:
        if given.service != self._users.epoch:
            return None
        # What waits in the session came after it joined and follows the replay by itself.
        joined = session.user.number - len(session.pending)
        events = session.user.after(given.number)
        if events is None or given.number > joined:
            return None
        return events[: joined - given.number]

    async def _from_database(self, user_id: int, since: float) -> list[Outgoing] | None:
        answer: asyncio.Future[list[Outgoing] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((user_id, since, answer))
        self._some.set()
        try:
            return await answer
        except DatabaseAway:
            # Welcomed without its past, it would believe to be complete.
            raise Refused(close_codes.POSITION_LOST) from None

    async def run(self) -> None:
        """Ask the database until cancelled: one query for all that came while the last one was under way."""
        while True:
            await self._some.wait()
            some, self._waiting = self._waiting[:USERS_AT_ONCE], self._waiting[USERS_AT_ONCE:]
            if not self._waiting:
                self._some.clear()
            await self._ask(some)

    async def _ask(self, asked: list[Asked]) -> None:
        asked = [one for one in asked if not one[2].done()]  # a client may be gone again
        if not asked:
            return
        try:
            rows = await self._database.messages(
                "missed_by_users",
                [user_id for user_id, _, _ in asked],
                [since for _, since, _ in asked],
                MESSAGES_AT_ONCE + 1,
            )
        except DatabaseAway as error:
            logger.warning("%d resumes not answered: %s", len(asked), error)
            for _, _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        if len(rows) > MESSAGES_AT_ONCE:
            await self._ask_halves(asked)
            return
        found = {(row.dialog_id, row.seq): Outgoing(row) for row in rows}
        in_order = [found[key] for key in sorted(found, key=lambda key: (key[0].int, key[1]))]
        by_user: dict[int, list[Outgoing]] = {}
        for outgoing in in_order:
            for user_id in (outgoing.message.from_user_id, outgoing.message.to_user_id):
                by_user.setdefault(user_id, []).append(outgoing)
        for user_id, since, answer in asked:
            if not answer.done():
                mine = by_user.get(user_id, [])
                answer.set_result([outgoing for outgoing in mine if outgoing.message.created_at > since])

    async def _ask_halves(self, asked: list[Asked]) -> None:
        if len(asked) == 1:
            answer = asked[0][2]
            if not answer.done():
                answer.set_result(None)
            return
        middle = len(asked) // 2
        await self._ask(asked[:middle])
        await self._ask(asked[middle:])
