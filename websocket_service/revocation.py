"""Users who may not be here any more: read every second, their sockets closed."""

import asyncio
import logging

from websocket_service import close_codes
from websocket_service.database import Database, DatabaseAway
from websocket_service.users import Users

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Revocation:
    """`disabled` are their ids, as the database said last; while it is away, that counts."""

    def __init__(self, users: Users, database: Database) -> None:
        self.disabled: frozenset[int] = frozenset()
        self._users = users
        self._database = database

    async def refresh(self) -> None:
        """Read the list and act on it. Raises DatabaseAway."""
        self.disabled = frozenset(row[0] for row in await self._database.fetch("disabled_users"))
        for user_id in self.disabled & self._users.users.keys():
            for session in self._users.users[user_id].sessions.copy():
                session.end(close_codes.REVOKED)

    async def run(self) -> None:
        """Keep the list fresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except DatabaseAway as error:
                logger.warning("revocation list not read: %s", error)
            await asyncio.sleep(POLL_SECONDS)
