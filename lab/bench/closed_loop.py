"""N connections, each sends its next request when the last one is answered, for some seconds.

A closed loop says what a server can do at most and what that costs it; it says nothing about latency
under a given load (lab/load does). That is why only one connection's latency is shown.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

Request = Callable[[], bytes]
CONNECT_SECONDS = 5.0
GRACE_SECONDS = 10.0  # for the last answers


@dataclass
class Tally:
    """What came back: answers by status, and seconds of each."""

    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def answered(self) -> int:
        return len(self.latencies)


class _Connection(asyncio.Protocol):
    def __init__(self, request: Request, tally: Tally, until: float) -> None:
        self._request = request
        self._tally = tally
        self._until = until
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop has its own class
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._transport.close()
            return
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = b""
        status = int(head[9:12])
        self._tally.latencies.append(time.perf_counter() - self._sent)
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            if exc is None and time.perf_counter() >= self._until:
                self.done.set_result(None)
            else:
                self.done.set_exception(exc or ConnectionError("closed by the server"))


async def run(url: str, request: Request, connections: int, seconds: float) -> Tally:
    """Raises ConnectionError when the server hangs up, TimeoutError when it stops answering."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    started = time.perf_counter()
    async with asyncio.timeout(seconds + CONNECT_SECONDS + GRACE_SECONDS):
        pairs = [
            await loop.create_connection(lambda: _Connection(request, tally, started + seconds), host, port)
            for _ in range(connections)
        ]
        await asyncio.gather(*(protocol.done for _, protocol in pairs))
    tally.seconds = time.perf_counter() - started
    return tally
