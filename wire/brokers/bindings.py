"""Which users a consumer wants, counted, and which keys that takes."""

from collections import Counter
from collections.abc import Callable


class Bindings:
    """Users counted by session, keys counted by user. Knows nothing of connections."""

    def __init__(self, key_of_user: Callable[[int], str]) -> None:
        self._key_of_user = key_of_user
        self.users: Counter[int] = Counter()
        self.keys: Counter[str] = Counter()

    def add(self, user_id: int) -> str:
        """One more session of this user; returns its key."""
        key = self._key_of_user(user_id)
        if user_id not in self.users:
            self.keys[key] += 1
        self.users[user_id] += 1
        return key

    def remove(self, user_id: int) -> str | None:
        """One session fewer; returns the key when nobody wants it any more. An unknown user is ignored."""
        if user_id not in self.users:
            return None
        self.users[user_id] -= 1
        if self.users[user_id]:
            return None
        del self.users[user_id]
        key = self._key_of_user(user_id)
        self.keys[key] -= 1
        if self.keys[key]:
            return None
        del self.keys[key]
        return key
