"""Heartbeats and tokens that end: one task for all sessions, asleep until the next one is due."""

import asyncio
import heapq
import itertools
import random
import time
from typing import Any, Protocol

from websocket_service import close_codes
from websocket_service.frames import Heartbeat, TokenWanted
from websocket_service.session import Session

JITTER = 0.2
TOKEN_NOTICE_SECONDS = 60.0
LONGEST_SLEEP_SECONDS = 0.25  # a session that joins meanwhile is looked at by then


class Link(Protocol):
    """What is asked about the broker."""

    @property
    def connected(self) -> bool: ...


class Timers:
    """Times are of the loop's clock; a token's end is unix seconds."""

    def __init__(self, broker: Link, heartbeat_seconds: float, answer_seconds: float) -> None:
        self._broker = broker
        self._heartbeat_seconds = heartbeat_seconds
        self._answer_seconds = answer_seconds
        self._heap: list[list[Any]] = []  # [due, serial, session]
        self._serial = itertools.count()
        self._loop = asyncio.get_running_loop()

    def watch(self, session: Session) -> None:
        """Look after this session until it ends."""
        session.beat_at = self._next_beat(self._loop.time())
        self._push(session)

    def forget(self, session: Session) -> None:
        """It has ended: its place here must not keep it in memory until it would have been due."""
        if session.timer is not None:
            session.timer[2] = None

    def answered(self, session: Session) -> None:
        """It said something: it is alive."""
        session.answered = True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            now = self._loop.time()
            while self._heap and self._heap[0][0] <= now:
                session = heapq.heappop(self._heap)[2]
                if session is not None and not session.ending:
                    self._look_after(session, now)
            until = self._heap[0][0] - now if self._heap else LONGEST_SLEEP_SECONDS
            await asyncio.sleep(min(until, LONGEST_SLEEP_SECONDS))

    def _look_after(self, session: Session, now: float) -> None:
        left = session.expires_at - time.time()
        if not session.answered and now - session.asked_at >= self._answer_seconds:
            session.end(close_codes.NO_HEARTBEAT)
        elif left <= 0:
            session.end(close_codes.TOKEN_EXPIRED)
        else:
            if left <= TOKEN_NOTICE_SECONDS and not session.token_asked:
                session.token_asked = True
                session.write(TokenWanted(round(left * 1000)))
            if now >= session.beat_at:
                self._beat(session, now)
            self._push(session)

    def _beat(self, session: Session, now: float) -> None:
        session.beat_at = self._next_beat(now)
        if session.answered:
            session.answered = False
            session.asked_at = now
        session.write(Heartbeat(session.cursor, not self._broker.connected))

    def _next_beat(self, now: float) -> float:
        return now + self._heartbeat_seconds * random.uniform(1 - JITTER, 1 + JITTER)

    def _push(self, session: Session) -> None:
        due = session.beat_at
        if not session.answered:
            due = min(due, session.asked_at + self._answer_seconds)
        notice = 0.0 if session.token_asked else TOKEN_NOTICE_SECONDS
        due = min(due, self._loop.time() + session.expires_at - notice - time.time())
        due = max(due, self._loop.time() + 0.001)  # always later: a clock that lags behind must not spin us
        session.timer = [due, next(self._serial), session]
        heapq.heappush(self._heap, session.timer)
