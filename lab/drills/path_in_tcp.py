"""A proxy that decides by the path, in a mode in which it does not read paths.

The mistake: `mode tcp` (because websockets are "not HTTP") with `use_backend websockets if { path_beg /ws }`.
HAProxy accepts the file, with a warning that scrolls by. In TCP mode the rule is asked when the connection
is accepted, and sees only the bytes that have arrived by then: mostly none.

The harm: which service a socket reaches is a race between the client's first bytes and the rule. In the
ancestor 54 of 60 sockets were sent to the API, which answered 404.

The cure: `mode http`. It reads the request head before it decides, and carries websockets as well, since
they begin as an HTTP request.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from lab.drills.drill import Shown, Tell
from lab.errors import StackError, UsageError
from lab.stack.doctor import which
from lab.stack.ports import free_ports

SOCKETS = 60
SLOW, SLOW_SECONDS = 10, 1.0  # so many of them have a slow line: their first bytes come so late
START_SECONDS = 30.0
FILE = """\
defaults
    mode {mode}
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend door
    bind 127.0.0.1:{door}
    use_backend websockets if {{ path_beg /ws }}
    default_backend api
backend websockets
    server one 127.0.0.1:{websockets}
backend api
    server one 127.0.0.1:{api}
"""


def show(tell: Tell, folder: Path) -> Shown:
    """Sixty clients ask for /ws, through each mode."""
    binary = which("haproxy")
    if binary is None:
        raise UsageError("haproxy is missing: apt-get install haproxy")
    right = {}
    for mode in ("tcp", "http"):
        tell(f"HAProxy with mode {mode}; {SOCKETS} clients ask for /ws ...")
        file = folder / f"{mode}.cfg"
        door, websockets, api = free_ports(3)
        file.write_text(FILE.format(mode=mode, door=door, websockets=websockets, api=api))
        right[mode] = asyncio.run(_reached(binary, file, door, websockets, api))
    return Shown(
        f"of {SOCKETS} sockets reached the websocket service",
        "",
        right["tcp"],
        right["http"],
        [("sent to the API", str(SOCKETS - right["tcp"]), str(SOCKETS - right["http"]))],
    )


async def _reached(binary: str, file: Path, door: int, websockets: int, api: int) -> int:
    """How many of the clients the websocket service answered."""
    async with AsyncExitStack() as up:
        for name, port in ((b"websockets", websockets), (b"api", api)):
            server = await asyncio.start_server(partial(_answer, name), "127.0.0.1", port)
            await up.enter_async_context(server)
        await up.enter_async_context(_haproxy(binary, file, door))
        answers = [await _ask(door) for _ in range(SOCKETS - SLOW)]
        answers += await asyncio.gather(*(_ask(door, SLOW_SECONDS) for _ in range(SLOW)))
    return answers.count(b"websockets")


async def _answer(name: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say who was reached."""
    try:
        await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:  # whoever looked whether the proxy listens
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(name) + name)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def _haproxy(binary: str, file: Path, port: int) -> AsyncIterator[None]:
    """HAProxy for the time of the block."""
    process = await asyncio.create_subprocess_exec(
        binary, "-db", "-f", str(file), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                if process.returncode is not None:
                    raise StackError(f"haproxy ended with {process.returncode}; its file is {file}")
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _ask(port: int, after_seconds: float = 0.0) -> bytes:
    """The body of one answer to a request for /ws, sent so long after its connection was open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(after_seconds)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]
