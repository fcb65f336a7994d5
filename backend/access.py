"""Who is calling: bearer tokens, and the list of disabled users that every process keeps fresh."""

import asyncio
import logging
import time
from typing import Annotated

import asyncpg
from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

from backend.errors import unauthorized
from backend.pools import DatabaseUnavailable, Pool
from wire.tokens import Claims, TokenError, Tokens

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5  # a disabled user stops within two seconds on every process: also after one slow look

bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/login", auto_error=False)


class Access:
    """Checks tokens; `run` keeps the revocation list. `fresh` is also the pulse of the database link."""

    def __init__(self, tokens: Tokens, pool: Pool, disabled_users: str) -> None:
        self.tokens = tokens
        self._pool = pool
        self._query = disabled_users
        self._disabled: frozenset[int] = frozenset()
        self._polled_at = 0.0

    @property
    def fresh(self) -> bool:
        """Whether the database answered the last poll, lately."""
        return time.monotonic() - self._polled_at < 4 * POLL_SECONDS

    def claims(self, token: str, kind: str = "access") -> Claims:
        """Whom a token speaks for. Raises Refusal (401)."""
        try:
            claims = self.tokens.check(token, kind)
        except TokenError as error:
            raise unauthorized(
                "The token has expired." if str(error) == "expired" else "Invalid token."
            ) from None
        self.refuse_disabled(claims.user_id)
        return claims

    def refuse_disabled(self, user_id: int) -> None:
        """Raises Refusal (401) for a user that was disabled."""
        if user_id in self._disabled:
            raise unauthorized("This user is disabled.")

    async def current(self, token: Annotated[str | None, Depends(bearer)]) -> Claims:
        """The dependency of routes that are not hot."""
        if token is None:
            raise unauthorized("Not authenticated.")
        return self.claims(token)

    async def refresh(self) -> None:
        """Read the list once. Raises DatabaseUnavailable."""
        self._disabled = frozenset(row[0] for row in await self._pool.fetch(self._query))
        self._polled_at = time.monotonic()

    async def first_refresh(self) -> None:
        """Wait until the list was read once."""
        while not self._polled_at:
            await self._try()
            if not self._polled_at:
                await asyncio.sleep(POLL_SECONDS)

    async def run(self) -> None:
        """Keep the list fresh until cancelled; while the database is away the last one counts."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.refresh()
        except (DatabaseUnavailable, asyncpg.PostgresError) as error:
            logger.warning("revocation list not read: %s", error)
