"""One user's public face, from the database."""

from backend.bodies import UserOut
from backend.errors import Refusal
from backend.pools import Pool


class UserReader:
    """Asks the database each time."""

    def __init__(self, pool: Pool, query: str) -> None:
        self._pool = pool
        self._query = query

    async def user(self, user_id: int) -> UserOut:
        """Raises Refusal (404)."""
        row = await self._pool.fetchrow(self._query, user_id)
        if row is None:
            raise Refusal(404, "There is no such user.")
        return UserOut(id=row[0], username=row[1], first_name=row[2], last_name=row[3])
