"""A small HTTP server that can be as slow, as stuck or as full as a lie needs. Run as a process.

One request is served at a time, like one core; the others queue. Paths:

/work?service=0.002       takes that many seconds of the one server
/stall?seconds=2          the server stops for so long (garbage collection, a lock, a failover)
/item?id=7                20 ms when it is not in the cache, 1 ms when it is
/limited?service=0.002    as /work, but answers 503 at once when 5 are waiting already
/forget                   empties the cache
"""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

MISS_SECONDS, HIT_SECONDS = 0.020, 0.001
MOST_WAITING = 5


class Server:
    """State of the one server: its queue and its cache."""

    def __init__(self) -> None:
        self.busy = asyncio.Lock()
        self.waiting = 0
        self.cache: set[str] = set()

    async def answer(self, target: str) -> int:
        """Serve one request and return its status."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/work":
                await self.serve(float(query["service"]))
            case "/stall":
                await self.serve(float(query["seconds"]))
            case "/limited":
                if self.waiting >= MOST_WAITING:
                    return 503
                await self.serve(float(query["service"]))
            case "/item":
                missing = query["id"] not in self.cache
                await self.serve(MISS_SECONDS if missing else HIT_SECONDS)
                self.cache.add(query["id"])
            case "/forget":
                self.cache.clear()
            case _:
                return 404
        return 200

    async def serve(self, seconds: float) -> None:
        """Wait for the turn and take that long."""
        self.waiting += 1
        try:
            async with self.busy:
                await asyncio.sleep(seconds)
        finally:
            self.waiting -= 1

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other, until it is closed."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status = await self.answer(head.split(b" ", 2)[1].decode())
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()


async def main() -> None:
    """Serve on a free port, print it, and end when standard input is closed: with the parent."""
    server = await asyncio.start_server(Server().connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
