"""One loop that awaits the send to each socket in turn, and one phone in a tunnel.

The mistake: `for socket in sockets: await socket.send(event)`. It is in every tutorial, and it works as
long as everybody reads.

The harm: a client that stops reading fills its buffers, the await does not return, and nobody behind it in
the loop gets anything, until that client's connection times out.

The cure: never wait for one socket on behalf of another. Hand the frame to each transport without waiting,
watch how far each is behind, close those that fall too far behind (websocket_service does, and
`websockets.broadcast` skips them).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from lab.drills.drill import Shown, Tell

READERS, EVENTS, PAUSE_SECONDS = 10, 60, 0.05
EVENT = "x" * 256_000  # so that the buffers of the one who does not read are full within the drill
PATIENCE_SECONDS = 4.0  # so long without a single event: no more will come
SMALL_BUFFER = 8_192

Push = Callable[[Iterable[ServerConnection], str], Awaitable[None]]


async def serially(sockets: Iterable[ServerConnection], event: str) -> None:
    """The mistake."""
    for one in sockets:
        await one.send(event)


async def without_waiting(sockets: Iterable[ServerConnection], event: str) -> None:
    """The cure."""
    broadcast(sockets, event)


def show(tell: Tell, folder: Path) -> Shown:
    """Ten readers and one who does not read, with each way to push."""
    tell(f"{READERS} readers and one that does not read; pushing {EVENTS} events in a serial loop ...")
    harmed = asyncio.run(_received(serially))
    tell("the same without waiting ...")
    cured = asyncio.run(_received(without_waiting))
    wanted = READERS * EVENTS
    return Shown(
        f"events that reached the {READERS} readers",
        "%",
        100 * harmed / wanted,
        100 * cured / wanted,
        [("of", f"{harmed} of {wanted}", f"{cured} of {wanted}")],
    )


async def _received(push: Push) -> int:
    """How many events the readers got while one client did not read. Waits as long as some still come."""
    sockets: list[ServerConnection] = []
    here, everything = asyncio.Event(), asyncio.Event()
    count = 0

    async def handler(connection: ServerConnection) -> None:
        sockets.append(connection)
        if len(sockets) == READERS + 1:
            here.set()
        await connection.wait_closed()

    async def read(client: ClientConnection) -> None:
        nonlocal count
        async for _ in client:
            count += 1
            if count == READERS * EVENTS:
                everything.set()

    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        stuck = await _connected(port)
        stuck.transport.pause_reading()
        readers = [await _connected(port) for _ in range(READERS)]
        await here.wait()
        tasks = [asyncio.create_task(read(client)) for client in readers]
        tasks.append(asyncio.create_task(_push_all(push, sockets)))
        before = -1
        while count > before and not everything.is_set():
            before = count
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await everything.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in (stuck, *readers):
            client.transport.abort()
    return count


async def _push_all(push: Push, sockets: list[ServerConnection]) -> None:
    for _ in range(EVENTS):
        await push(sockets, EVENT)
        await asyncio.sleep(PAUSE_SECONDS)


async def _connected(port: int) -> ClientConnection:
    """A client with a small receive buffer, so that a stuck one is noticed soon."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    return await connect(f"ws://127.0.0.1:{port}", sock=plain, compression=None, ping_interval=None)
