"""Light websocket clients: thousands of them in one process, so that the service is the limit, not they."""

import asyncio
import base64
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from lab.errors import LabError
from lab.load.frames import Light, decode_text

AT_ONCE = 200
OPEN_SECONDS = 30.0
SMALL_BYTES = 16_384
TEXT, CLOSE = 1, 8
MASK = bytes(4)  # a mask of zeros leaves the payload as it is


class Receiver(asyncio.Protocol):
    """One socket. `deliver` is called with the messages of each batch and the time they came."""

    def __init__(self, path: str, hello: bytes, deliver: Callable[[Sequence[Light], float], None]) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed_with = 0
        self.transport: asyncio.Transport
        self._path = path
        self._hello = hello
        self._deliver = deliver
        self._buffer = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: dialog.v1.json\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20]:
                raise LabError(f"bench push: no socket: {head[:100]!r}")
            self._upgraded = True
            self._buffer = rest
            self.say(self._hello)
        self._frames(time.time())

    def _frames(self, now: float) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + length:
                break
            self._frame(buffer[at] & 15, buffer[start : start + length], now)
            at = start + length
        self._buffer = buffer[at:]

    def _frame(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == CLOSE:
            self.closed_with = int.from_bytes(payload[:2], "big")
            self.transport.close()
            return
        frame = decode_text(payload)
        if frame.t == "batch":
            self._deliver(frame.m, now)
        elif frame.t == "hb":
            self.say(b'{"t":"hb","cursor":null}')
        elif frame.t == "welcome":
            self.ready.set_result(None)

    def say(self, payload: bytes) -> None:
        """One text frame."""
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + length.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | TEXT]) + size + MASK + payload)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(LabError(f"bench push: a socket closed ({self.closed_with}) unwelcomed"))


def hello(token: str) -> bytes:
    """The first frame."""
    return msgspec.json.encode({"t": "hello", "token": token, "dev": str(uuid4()), "resume": None})


async def connect(
    url: str, tokens: Sequence[str], deliver: Callable[[Sequence[Light], float], None], small: bool = False
) -> list[Receiver]:
    """A welcomed socket for each token; a `small` one has little room for what it has not read yet.

    `url` is ws://host:port/ws, with a query or without, or unix:/path of a socket.
    """
    parts = urlsplit(url)
    path = "/ws" if parts.scheme == "unix" else parts._replace(scheme="", netloc="").geturl()
    loop = asyncio.get_running_loop()
    receivers: list[Receiver] = []
    for start in range(0, len(tokens), AT_ONCE):
        made: list[tuple[Any, Receiver]] = await asyncio.gather(
            *(
                loop.create_connection(
                    lambda token=token: Receiver(path, hello(token), deliver),  # type: ignore[misc]
                    sock=_socket(url, small),
                )
                for token in tokens[start : start + AT_ONCE]
            )
        )
        some = [receiver for _, receiver in made]
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(*(receiver.ready for receiver in some))
        receivers += some
    return receivers


def _socket(url: str, small: bool) -> socket.socket:
    parts = urlsplit(url)
    unix = parts.scheme == "unix"
    made = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    if small:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
    made.connect(parts.path if unix else (parts.hostname, parts.port))  # here: the kernel answers at once
    made.setblocking(False)
    return made


async def leave(receivers: Sequence[Receiver]) -> None:
    """Cut them all."""
    for receiver in receivers:
        receiver.transport.abort()
    await asyncio.sleep(0.1)
