"""Password hashes, in threads: a hash takes 18 ms of a core, which no other request should wait for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.errors import Refusal

T = TypeVar("T")

THREADS = 2  # argon2 gives up the interpreter lock; more threads than cores only take memory (19 MiB each)
MAX_WAITING = 100  # about a second of work; beyond it the answer is 429


class Passwords:
    """argon2id with OWASP's parameters: 19 MiB, 2 passes, 1 lane."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._waiting = 0
        # Verified for a user that does not exist, so that the answer takes as long as for one that does.
        self._nobody = self._hasher.hash("a password that nobody has")

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Refusal (429) when too many wait."""
        return await self._run(self._hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; None (no such user) takes the same time. Raises Refusal (429)."""
        right = await self._run(self._check, stored or self._nobody, password)
        return bool(right) and stored is not None

    def close(self) -> None:
        """Let running hashes end and start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: str) -> str:
        return str(self._hasher.hash(password))

    def _check(self, stored: str, password: str) -> bool:
        try:
            return bool(self._hasher.verify(stored, password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise Refusal(429, "Too many logins just now.", {"retry-after": "1"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self._waiting -= 1
