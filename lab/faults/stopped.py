"""Devices that stop reading, are closed for it, come back, and must then have every message."""

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from lab.faults.disturbers import CONNECT_SECONDS, device
from lab.stack.description import StackDescription
from wire.tokens import Tokens

CLOSED_FOR_IT = (4002, 1006)  # by the queue's bound; by TCP_USER_TIMEOUT, or with the close frame never read
CLOSED_SECONDS = 10.0  # what was under way is read to the end first
RESUMED_SECONDS = 36.0  # until it has everything
RECEIVE_BYTES = 4096  # of the kernel, or it would read megabytes for a client that does not
RECENT_USERS = """
SELECT to_user_id
  FROM dialogmessage
 WHERE created_at > now() - interval '4 seconds'
 GROUP BY to_user_id
 ORDER BY count(*) DESC, to_user_id
 LIMIT $1
"""
DIALOGS = "SELECT dialog_id, last_seq FROM dialog WHERE user_low = $1 OR user_high = $1"


@dataclass
class StoppedReader:
    """One device. `code` 0: it was not closed; `missing` are messages that it never got."""

    user: int
    url: str
    token: str
    cursor: str | None = None
    before: dict[UUID, int] = field(default_factory=dict)  # dialog -> its newest seq when it began
    heard: set[tuple[UUID, int]] = field(default_factory=set)
    code: int = 0
    resumed: str = ""
    missing: int = 0

    async def begin(self, database: asyncpg.Connection) -> ClientConnection:
        """Welcomed; from now on it reads nothing."""
        opened, welcome = await device(self.url, self.token, self.user, raw=await self._small_socket())
        self.cursor = welcome["cursor"]
        self.before = await self._newest(database)  # later ones are owed; a few earlier may come too
        return opened

    async def read_out(self, opened: ClientConnection) -> None:
        """Read what had come, to learn how it was closed."""
        try:
            async with asyncio.timeout(CLOSED_SECONDS):
                while True:
                    self._take(await opened.recv())
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else 1006
        except TimeoutError:
            opened.transport.abort()

    async def resume(self, database: asyncpg.Pool) -> None:
        """Come back with the last cursor and read until nothing is missing, or the time is over."""
        opened, welcome = await device(self.url, self.token, self.user, resume=self.cursor)
        self.resumed = welcome["resumed"]
        newest = await self._newest(database)
        owed = {
            (dialog, seq)
            for dialog, last in newest.items()
            for seq in range(self.before.get(dialog, 0) + 1, last + 1)
        }
        try:
            async with asyncio.timeout(RESUMED_SECONDS):
                while owed - self.heard:
                    self._take(await opened.recv())
        except (TimeoutError, ConnectionClosed):
            self.missing = len(owed - self.heard)
        await opened.close()

    def _take(self, frame: str | bytes) -> None:
        told: dict[str, Any] = msgspec.json.decode(frame)
        self.cursor = told.get("cursor") or self.cursor
        self.heard.update((UUID(one["d"]), one["s"]) for one in told.get("m", ()))

    async def _newest(self, database: asyncpg.Connection | asyncpg.Pool) -> dict[UUID, int]:
        return {row[0]: row[1] for row in await database.fetch(DIALOGS, self.user)}

    async def _small_socket(self) -> socket.socket:
        host, port = self.url.split("/")[2].split(":")
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
        return raw


class StoppedReaders:
    """Further devices of the users who get most messages."""

    def __init__(self, stack: StackDescription, count: int) -> None:
        self._stack = stack
        self._count = count
        self._readers: list[tuple[StoppedReader, ClientConnection]] = []

    async def start(self) -> None:
        database = await asyncpg.connect(self._stack.postgres.dsn, timeout=CONNECT_SECONDS)
        try:
            users = [row[0] for row in await database.fetch(RECENT_USERS, self._count)]
            tokens = Tokens(self._stack.secret)
            urls = self._stack.websockets
            for number, user in enumerate(islice(cycle(users), self._count)):
                reader = StoppedReader(user, urls[number % len(urls)], tokens.make(user, 600))
                self._readers.append((reader, await reader.begin(database)))
        finally:
            await database.close()

    async def come_back(self) -> None:
        """Read again: to the close, then through the resume."""
        await asyncio.gather(*(reader.read_out(opened) for reader, opened in self._readers))
        async with asyncpg.create_pool(self._stack.postgres.dsn, min_size=1, max_size=4) as pool:
            await asyncio.gather(*(reader.resume(pool) for reader, _ in self._readers))

    def told(self) -> str:
        """How many were closed with which code, and how they resumed."""
        codes = Counter(reader.code for reader, _ in self._readers)
        ways = Counter(reader.resumed for reader, _ in self._readers)
        heard = sum(len(reader.heard) for reader, _ in self._readers)
        closed = ", ".join(f"{count} x {code or 'still open'}" for code, count in codes.items())
        back = ", ".join(f"{count} x {way}" for way, count in ways.items())
        missing = sum(reader.missing for reader, _ in self._readers)
        return f"{len(self._readers)} closed: {closed}; resumed: {back}; {heard} messages, {missing} missing"

    def troubles(self) -> list[str]:
        """What was not as promised."""
        readers = [reader for reader, _ in self._readers]
        found = []
        if len(readers) < self._count:
            found.append(f"only {len(readers)} of {self._count} devices stopped reading")
        if wrong := [reader.code for reader in readers if reader.code not in CLOSED_FOR_IT]:
            found.append(f"{len(wrong)} that stopped reading were not closed for it ({wrong[0]})")
        if missing := sum(reader.missing for reader in readers):
            found.append(f"{missing} messages lost to those that stopped reading")
        return found
