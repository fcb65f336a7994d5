"""A TCP proxy that can be told to misbehave: between two parts of a stack, or in a test.

No well-kept one can be had as a package (Debian has no toxiproxy, PyPI none that is maintained), and it
takes a hundred lines. Bytes pass unchanged and in order; what changes is when, and whether at all.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable
from contextlib import suppress

READ_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST instead of FIN
BACKLOG = 4096  # after a hang all clients come at once; those the kernel cannot queue come back seconds later


class Pair:
    """One client's connection and the one made for it to the server."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.delay_seconds = 0.0  # of this one, beside the proxy's own
        self.passes = asyncio.Event()  # cleared: half-open, until the proxy is healed
        self.passes.set()

    def reset(self) -> None:
        """Both sides get a RST, as after a crash of the machine between them."""
        for side in (self.client, self.server):
            if side is not None:
                raw = side.get_extra_info("socket")
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.transport.abort()

    def drop_server(self) -> None:
        """The server sees its side closed; the client is told nothing: a half-open connection."""
        self.passes.clear()
        if self.server is not None:
            self.server.transport.abort()


class Proxy:
    """Listens on 127.0.0.1 and passes on to one address, until told otherwise.

    `target` is (host, port), or the path of a unix socket.
    """

    def __init__(self, target: tuple[str, int] | str, listen_port: int = 0) -> None:
        self.target = target
        self.port = listen_port  # known after start()
        self.delay_seconds = 0.0
        self.accepted = 0
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._refusing = False
        self._pairs: dict[Pair, None] = {}  # in the order they came
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; the port is kept until close()."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        self.heal()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        self.heal()
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open_connections(self) -> int:
        return len(self._pairs)

    # --- what it can be told

    def heal(self) -> None:
        """From now on everything passes; what was held back flows on, in order."""
        self._refusing = False
        self.delay_seconds = 0.0
        for flow in self._flows.values():
            flow.set()
        for pair in self._pairs:
            pair.passes.set()
            pair.delay_seconds = 0.0

    def reset(self) -> None:
        """Every connection that is open now is reset. New ones pass."""
        for pair in list(self._pairs):
            pair.reset()

    def refuse(self) -> None:
        """Reset every connection, and each new one at once."""
        self._refusing = True
        self.reset()

    def stall(self, *directions: str) -> None:
        """Nothing moves any more in `up` (client to server), `down`, or both when none is named.

        Connections stay open and new ones are accepted, as when a cable is pulled or a peer hangs.
        """
        for direction in directions or ("up", "down"):
            self._flows[direction].clear()

    def delay_half(self, seconds: float) -> None:
        """Every second connection of those that are open now takes so much longer, in both directions."""
        for pair in list(self._pairs)[::2]:
            pair.delay_seconds = seconds

    def half_open(self) -> None:
        """The server's side of every open connection is closed, and its client hears nothing of it.

        As when a machine was lost behind a firewall; new connections pass. Healed, the clients are told.
        """
        for pair in list(self._pairs):
            pair.drop_server()

    # --- how it works

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        pair = Pair(writer)
        if self._refusing:
            pair.reset()
            return
        self._pairs[pair] = None
        try:
            with suppress(OSError):  # a broken connection is this module's trade
                server_reader, pair.server = await self._connect()
                await _first_of(
                    self._pump("up", pair, reader, pair.server),
                    self._pump("down", pair, server_reader, writer),
                )
        finally:
            del self._pairs[pair]
            for side in (pair.client, pair.server):
                if side is not None:
                    side.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pump(
        self, direction: str, pair: Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        flow = self._flows[direction]
        while True:
            try:
                data = await reader.read(READ_BYTES)
            except OSError:
                data = b""
            await pair.passes.wait()  # while half-open an end is not passed on either
            if seconds := self.delay_seconds + pair.delay_seconds:
                await asyncio.sleep(seconds)
            await flow.wait()
            if not data:
                return
            writer.write(data)
            await writer.drain()


async def _first_of(*pumps: Awaitable[None]) -> None:
    """Run until one ends (its side was closed), then end the others."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
