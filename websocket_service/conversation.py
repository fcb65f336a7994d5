"""What a welcomed client may say: heartbeats, questions about gaps, new tokens."""

import time

import msgspec

from websocket_service import close_codes
from websocket_service.close_codes import Refused
from websocket_service.database import Database, DatabaseAway
from websocket_service.frames import Answer, Error, Get, Hello, Stale, decode
from websocket_service.handshake import Handshake
from websocket_service.metrics import Metrics
from websocket_service.outgoing import Outgoing
from websocket_service.session import BATCH_MESSAGES, Session
from websocket_service.timers import Timers
from wire.message import users_of

FRAMES_PER_SECOND = 20.0
FRAMES_BURST = 100.0
MOST_MESSAGES = 100  # of one get


class Conversation:
    """Hears one frame after another, in the socket's own handler task."""

    def __init__(self, handshake: Handshake, timers: Timers, database: Database, metrics: Metrics) -> None:
        self._handshake = handshake
        self._timers = timers
        self._database = database
        self._metrics = metrics

    async def hear(self, session: Session, data: bytes | str) -> None:
        """Do what the frame asks. Raises Refused."""
        self._take_allowance(session)
        try:
            frame = decode(session.codec, data)
        except msgspec.DecodeError:
            raise Refused(close_codes.MALFORMED) from None
        self._timers.answered(session)
        if isinstance(frame, Answer):
            return
        if isinstance(frame, Get):
            await self._get(session, frame)
        elif isinstance(frame, Hello):
            raise Refused(close_codes.MALFORMED)
        else:
            claims = self._handshake.claims(frame.token, session.user.id)
            session.expires_at = claims.expires_at
            session.token_asked = False

    def _take_allowance(self, session: Session) -> None:
        now = time.monotonic()
        earned = (now - session.frames_at) * FRAMES_PER_SECOND
        session.frames_left = min(FRAMES_BURST, session.frames_left + earned) - 1
        session.frames_at = now
        if session.frames_left < 0:
            raise Refused(close_codes.RATE_LIMITED)

    async def _get(self, session: Session, frame: Get) -> None:
        self._metrics.gets += 1
        if session.user.id not in users_of(frame.d):
            session.write(Error("not_your_dialog"))
            return
        if not 0 <= frame.after < 1 << 62:
            raise Refused(close_codes.MALFORMED)
        limit = max(1, min(frame.limit, MOST_MESSAGES))
        try:
            messages = await self._database.messages("dialog_after", frame.d, frame.after, limit)
        except DatabaseAway:
            session.write(Stale(frame.d))
            return
        if session.ending:
            return
        outgoing = [Outgoing(message) for message in messages]
        for start in range(0, max(1, len(outgoing)), BATCH_MESSAGES):
            session.write(session.batch_of(outgoing[start : start + BATCH_MESSAGES], replay=True))
            await session.connection.caught_up()
