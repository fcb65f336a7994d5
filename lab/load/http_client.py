"""HTTP/1.1 requests at the least cost: prepared bytes, one request at a time on a kept connection."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import httptools

from lab.load.tls import trusting

CONNECT_SECONDS = 5.0
WROTE_AT = b"x-wrote-at"
TIMED_OUT, NO_CONNECTION, DROPPED, NO_SENSE = -1, -2, -3, -4  # in the place of a status code


class Exchange:
    """One request and what became of it. `done` is called once, with `status` and `body` set."""

    __slots__ = ("again", "answered", "body", "data", "done", "on", "sent", "status", "wrote_at")

    def __init__(self, data: bytes, done: "Callable[[Exchange], None]") -> None:
        self.data = data
        self.done = done
        self.status = 0
        self.body = b""
        self.sent = 0.0
        self.answered = 0.0
        self.wrote_at = b""  # header x-wrote-at, where the API sends it: to be given back with reads
        self.again = False  # was sent once on a kept connection that the server had closed
        self.on: _Connection | None = None

    def finish(self, status: int, moment: float) -> None:
        """Say the outcome; whoever comes second changes nothing."""
        if not self.answered:
            self.status = status
            self.answered = moment
            self.done(self)


class Target:
    """One server's address and the connections to it."""

    def __init__(self, url: str, most_connections: int, certificate: str = "") -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._tls = trusting(certificate) if secure else None
        self._path = parts.path if parts.scheme == "unix" else None
        self._host, self._port = parts.hostname or "localhost", parts.port or (443 if secure else 80)
        self.host_header = b"localhost" if self._path else parts.netloc.encode()
        self._most = most_connections
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._waiting: deque[Exchange] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    async def warm(self, connections: int) -> None:
        """Open connections, so that the first requests find some."""
        await asyncio.gather(*(self._open() for _ in range(min(connections, self._most))))

    def submit(self, exchange: Exchange) -> None:
        """Send now when a connection is free, else as soon as one is."""
        if self._idle:
            self._idle.pop().send(exchange)
            return
        self._waiting.append(exchange)
        self._open_one_more()

    def _open_one_more(self) -> None:
        if len(self._all) + len(self._opening) < self._most:
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opened_or_not)

    def _opened_or_not(self, task: "asyncio.Task[None]") -> None:
        self._opening.discard(task)
        if not task.cancelled() and len(self._waiting) > len(self._opening):
            self._open_one_more()  # it failed, and took one request with it; each gets its own try

    async def _open(self) -> None:
        loop, connection = asyncio.get_running_loop(), _Connection(self)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._path:
                    await loop.create_unix_connection(lambda: connection, self._path)
                else:
                    await loop.create_connection(lambda: connection, self._host, self._port, ssl=self._tls)
        except (OSError, TimeoutError):
            if connection in self._all:  # made in the last moment: uvloop closes it then and tells nobody
                connection.connection_lost(None)
            elif self._waiting:
                self._waiting.popleft().finish(NO_CONNECTION, time.monotonic())

    def opened(self, connection: "_Connection") -> None:
        self._all.add(connection)
        self.free(connection)

    def free(self, connection: "_Connection") -> None:
        """The connection can take a request."""
        while self._waiting:
            exchange = self._waiting.popleft()
            if not exchange.answered:
                connection.send(exchange)
                return
        self._idle.append(connection)

    def lost(self, connection: "_Connection", exchange: Exchange | None, began: bool) -> None:
        """The connection is gone, with a request under way or without."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if exchange is None or exchange.answered:
            return
        if connection.used > 1 and not began and not exchange.again:
            exchange.again = True  # as browsers do: an idle connection may be closed at any time
            self.submit(exchange)
        else:
            exchange.finish(NO_CONNECTION, time.monotonic())

    def close(self) -> None:
        """Close all connections."""
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, target: Target) -> None:
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body = b""
        self._began = False
        self.used = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's own class
        self._target.opened(self)

    def send(self, exchange: Exchange) -> None:
        assert self._transport is not None
        self._exchange = exchange
        exchange.on = self
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._began = False
        self.used += 1
        if not exchange.sent:
            exchange.sent = time.monotonic()
        self._transport.write(exchange.data)

    def data_received(self, data: bytes) -> None:
        self._began = True
        if self._parser is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(NO_SENSE)
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        if name == WROTE_AT and self._exchange is not None:
            self._exchange.wrote_at = value

    def on_body(self, part: bytes) -> None:
        """httptools: a piece of the body."""
        self._body += part

    def on_message_complete(self) -> None:
        """httptools: the response is whole."""
        assert self._parser is not None
        status, stays = self._parser.get_status_code(), self._parser.should_keep_alive()
        self._end(status)
        if stays and self._transport is not None:
            self._target.free(self)
        else:
            self.abort()

    def _end(self, status: int) -> None:
        exchange, self._exchange, self._parser = self._exchange, None, None
        if exchange is not None:
            exchange.body = self._body
            exchange.finish(status, time.monotonic())

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        exchange, self._exchange = self._exchange, None
        self._target.lost(self, exchange, self._began)

    def abort(self) -> None:
        """Close at once; a response that is still to come would be taken for the next one's."""
        if self._transport is not None:
            self._transport.abort()
