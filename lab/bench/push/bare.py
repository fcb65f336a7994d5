"""The twin: the websockets library alone, writing the same frames. `python -m lab.bench.push.bare [SOCKET]`.

It shows what no service on this library can go below, and with `await` in a loop over sockets also what
the service avoids: one that stops reading holds up all.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from typing import Any

import msgspec
import uvloop
from websockets.asyncio.server import ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosed

WELCOME = json.dumps({"t": "welcome", "resumed": "new"})
MESSAGE = {
    "d": "00000000-0000-0001-0000-000000000002",
    "s": 417,
    "id": "019a0000-0000-7000-8000-000000000000",
    "f": 1,
    "to": 2,
}


class Bare:
    """Sockets by order of coming; the one at /control says what to write."""

    def __init__(self) -> None:
        self.sockets: list[ServerConnection] = []

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        if socket.request.path == "/control":
            pushing = asyncio.create_task(self.push(**json.loads(await socket.recv())))
            leaving = asyncio.create_task(socket.wait_closed())
            await asyncio.wait((pushing, leaving), return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            pushing.cancel()  # whoever ordered it may have left before its end
            (sent,) = await asyncio.gather(pushing, return_exceptions=True)  # or a socket of it
            with contextlib.suppress(ConnectionClosed):
                await socket.send(str(sent))
            return
        await socket.recv()
        await socket.send(WELCOME)
        self.sockets.append(socket)
        try:
            await socket.wait_closed()
        finally:
            self.sockets.remove(socket)

    async def push(self, per_second: float, seconds: float, content: str, first_too: int) -> int:
        """Write frames at this rate to sockets in turn, each `await`ed; with `first_too` bytes, after each
        one so much to the first socket. Returns how many."""
        encode = msgspec.json.encode
        big = encode({"t": "batch", "n": 1, "m": [], "re": True, "x": "x" * first_too}).decode()
        others = self.sockets[1:] if first_too else self.sockets
        order = random.sample(others, len(others))
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        while (now := loop.time() - begun) < seconds:
            while sent < now * per_second:
                message = {**MESSAGE, "c": content, "at": time.time()}
                frame = encode({"t": "batch", "n": sent, "m": [message]})
                await order[sent % len(order)].send(frame.decode())
                sent += 1
                if first_too:
                    await self.sockets[0].send(big)
            await asyncio.sleep(0.002)
        return sent


OPTIONS: dict[str, Any] = {"compression": None, "ping_interval": None, "max_queue": 8, "backlog": 4096}


async def main() -> None:
    """Listen on a free port, and on the unix socket if one is given; say the port, and serve until killed."""
    bare = Bare()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(bare.handle, "127.0.0.1", 0, **OPTIONS))
        if sys.argv[1:]:
            await stack.enter_async_context(unix_serve(bare.handle, sys.argv[1], **OPTIONS))
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main())
