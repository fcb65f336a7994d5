"""Who is here: users with their sessions and their ring of latest events."""

import asyncio
import os
from collections import deque
from uuid import UUID

from websocket_service import close_codes
from websocket_service.close_codes import Refused
from websocket_service.connection import Connection
from websocket_service.cursor import Cursor
from websocket_service.database import LATE_COMMIT_SECONDS, Database
from websocket_service.metrics import Metrics
from websocket_service.outgoing import Outgoing
from websocket_service.session import Session
from wire.broker import Consumer
from wire.codecs import Codec

RING_EVENTS = 128
RING_SECONDS = 60.0  # kept after the last session, and with it the binding at the broker
SESSIONS_OF_A_DEVICE = 2  # the second one is there while it moves from one socket to the next


class User:
    """One user that has sessions here, or had them a minute ago."""

    __slots__ = ("bound", "id", "left_at", "number", "ring", "sessions", "since")

    def __init__(self, user_id: int, number: int, since: float) -> None:
        self.id = user_id
        self.number = number  # of the last event of its stream
        self.since = since  # database time from which on we answer for what it hears
        self.sessions: list[Session] = []
        self.ring: deque[Outgoing] | None = None  # made with the first event
        self.left_at = 0.0
        self.bound: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def deliver(self, outgoing: Outgoing) -> list[Session]:
        """One more event; the sessions that it waits for."""
        self.number += 1
        if self.ring is None:
            self.ring = deque(maxlen=RING_EVENTS)
        self.ring.append(outgoing)
        return self.sessions

    def after(self, number: int) -> list[Outgoing] | None:
        """The events after this place, None when the ring does not reach back so far."""
        missing = self.number - number
        ring = self.ring or ()
        if not 0 <= missing <= len(ring):
            return None
        return list(ring)[len(ring) - missing :]


class Users:
    """All users here. The one place where messages enter sessions."""

    def __init__(
        self,
        consumer: Consumer,
        database: Database,
        metrics: Metrics,
        *,
        max_devices: int,
        debounce_seconds: float,
    ) -> None:
        self.metrics = metrics
        metrics.gauges["hints_unwanted"] = (
            "Hints so far that the broker brought and nobody here wanted.",
            lambda: consumer.unwanted,
        )
        self.users: dict[int, User] = {}
        self.sessions: set[Session] = set()
        self.epoch = os.urandom(8)  # of this process, in cursors
        self.swept_until = 0.0  # database time of the last sweep's end
        self._consumer = consumer
        self._database = database
        self._max_devices = max_devices
        self._debounce_seconds = debounce_seconds
        self._events = 0  # of all users
        self._dirty: list[Session] = []
        self._loop = asyncio.get_running_loop()

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {"debounce_seconds": self._debounce_seconds}

    # --- coming and going

    async def join(self, connection: Connection, user_id: int, device: UUID, codec: Codec) -> Session:
        """A session that buffers from now on, and whose hints reach us from the return on (I2).

        Raises Refused.
        """
        user = self.users.get(user_id)
        new = user is None
        if user is None:
            self._events += 1  # beyond every place that a cursor of this user may name
            user = self.users[user_id] = User(user_id, self._events, self._database.now)
        self._make_room(user, device)
        session = Session(connection, self, user, device, codec)
        user.sessions.append(session)
        self.sessions.add(session)
        connection.session = session
        if new:
            await self._bind(user)
        else:
            await asyncio.shield(user.bound)
        return session

    async def _bind(self, user: User) -> None:
        binding = asyncio.ensure_future(self._consumer.bind(user.id))
        binding.add_done_callback(lambda _: user.bound.set_result(None))
        await asyncio.shield(binding)  # others wait for it too

    def _make_room(self, user: User, device: UUID) -> None:
        same = [session for session in user.sessions if session.device == device]
        if len(same) >= SESSIONS_OF_A_DEVICE:
            same[0].end(close_codes.NO_HEARTBEAT)  # it came back twice: the oldest is dead and does not know
        devices = {session.device for session in user.sessions} | {device}
        if len(devices) > self._max_devices:
            raise Refused(close_codes.TOO_MANY_DEVICES)

    def forget(self, session: Session) -> None:
        """The session is over. Its user stays a while, for the ring."""
        self.sessions.discard(session)
        if session in session.user.sessions:
            session.user.sessions.remove(session)
            if not session.user.sessions:
                session.user.left_at = self._loop.time()

    async def drop_left(self) -> None:
        """Let go of users that left long ago."""
        until = self._loop.time() - RING_SECONDS
        left = [user for user in self.users.values() if not user.sessions and user.left_at < until]
        for user in left:
            del self.users[user.id]
        await asyncio.gather(*(self._consumer.unbind(user.id) for user in left))

    def forget_rings(self) -> None:
        """What was delivered belongs to another history of the database."""
        self.epoch = os.urandom(8)
        for user in self.users.values():
            user.ring = None

    # --- messages

    def deliver(self, outgoing: Outgoing) -> None:
        """To every session of both users."""
        message = outgoing.message
        for user_id in (message.from_user_id, message.to_user_id):
            user = self.users.get(user_id)
            if user is not None:
                self.deliver_to(user, outgoing)

    def deliver_to(self, user: User, outgoing: Outgoing) -> None:
        """To every session of this user."""
        self._events += 1
        sessions = user.deliver(outgoing)
        for session in tuple(sessions) if len(sessions) > 1 else sessions:
            session.add(outgoing)
            if not session.dirty and session.live:
                session.dirty = True
                if self._debounce_seconds and self._rests(session):
                    continue
                self._dirty.append(session)
                if len(self._dirty) == 1:
                    self._loop.call_soon(self._flush)  # all that arrives in one pass of the loop is one batch

    def _rests(self, session: Session) -> bool:
        """Whether this session was written to within the interval; then it is flushed at its end."""
        now = self._loop.time()
        rests = session.rests_until > now
        if rests:
            self._loop.call_at(session.rests_until, self._flush_rested, session)
        else:
            session.rests_until = now + self._debounce_seconds
        return rests

    def _flush_rested(self, session: Session) -> None:
        session.rests_until = self._loop.time() + self._debounce_seconds
        session.dirty = False
        session.flush()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            session.dirty = False
            session.flush()

    # --- cursors

    def cursor_of(self, session: Session) -> str:
        """Up to where this socket was written."""
        if not session.pending:
            swept = self.swept_until - LATE_COMMIT_SECONDS
            session.complete_until = max(session.complete_until, swept)
        session.since_cursor = 0
        number = session.number
        return Cursor(self._database.epoch_bytes, session.complete_until, self.epoch, number).text()
