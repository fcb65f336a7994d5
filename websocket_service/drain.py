"""Leaving without a gap: clients are told to open another socket before theirs closes."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from websocket_service import close_codes
from websocket_service.database import DatabaseAway
from websocket_service.frames import Bye, Heartbeat
from websocket_service.users import Users

logger = logging.getLogger(__name__)

INVITED_SHARE = 0.6  # of the time: clients move by themselves, spread over it
UNSEEN_SECONDS = 1.0  # at most, until a proxy sends newcomers elsewhere (haproxy.cfg)
STEPS = 10  # the rest are closed in so many steps
REFRESH_SHARE = 0.1


async def nothing() -> None:
    """Cursors are as they are."""


async def drain(users: Users, seconds: float, refresh: Callable[[], Awaitable[object]] = nothing) -> None:
    """Empty this process within so many seconds; sooner when everybody has left.

    `refresh` brings cursors up to date: where the clients move to, they need only what came since.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if users.sessions:
        with contextlib.suppress(DatabaseAway, TimeoutError):
            async with asyncio.timeout(seconds * REFRESH_SHARE):
                await refresh()
    first, last = min(UNSEEN_SECONDS, seconds * 0.2), seconds * INVITED_SHARE
    for session in list(users.sessions):
        if not session.cursor_given:  # not welcomed yet: nothing may come before the welcome
            session.end(close_codes.DRAIN)
            continue
        session.write(Heartbeat(session.cursor, False))
        session.write(Bye("drain", round(random.uniform(first, last) * 1000)))
    patience = seconds * (INVITED_SHARE + 0.1)
    while users.sessions and loop.time() - begun < patience:  # noqa: ASYNC110 (at the end only)
        await asyncio.sleep(0.05)
    stragglers = list(users.sessions)
    if stragglers:
        logger.info("drain: %d sockets did not move", len(stragglers))
    step = -(-len(stragglers) // STEPS)
    for number in range(0, len(stragglers), step or 1):
        for session in stragglers[number : number + step]:
            session.end(close_codes.DRAIN)
        if number + step < len(stragglers):
            await asyncio.sleep(seconds * (0.9 - INVITED_SHARE) / STEPS)
