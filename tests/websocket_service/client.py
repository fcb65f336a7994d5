"""A client as the promise asks of one: it applies the client rule, answers heartbeats, comes back."""

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lab.load.client_rule import DialogView
from tests.waiting import PATIENCE_SECONDS
from wire.codecs import codec_named


@dataclass
class Client:
    """One device. `views` hold what it applied; `frames` all it heard, newest last."""

    url: str
    token: str
    encoding: str = "json"
    device: UUID = field(default_factory=uuid4)
    last: int = 0  # seq up to which it knows every dialog before it connects
    cursor: str | None = None
    answers: bool = True  # to heartbeats
    compression: str | None = None  # or "deflate"
    socket: ClientConnection | None = None
    frames: list[dict[str, Any]] = field(default_factory=list)
    applied: dict[UUID, list[int]] = field(default_factory=lambda: defaultdict(list))
    contents: dict[tuple[UUID, int], str] = field(default_factory=dict)
    views: dict[UUID, DialogView[dict[str, Any]]] = field(default_factory=dict)
    known: int = 0  # messages that came again
    close_code: int | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, **options: Any) -> None:
        """The socket only."""
        self.close_code = None
        self.socket = await websockets.connect(
            self.url,
            **{
                "subprotocols": [f"dialog.v1.{self.encoding}"],
                "compression": self.compression,
                "max_size": None,
                "ping_interval": None,
                "open_timeout": PATIENCE_SECONDS,
                "close_timeout": 0.2,
                **options,
            },
        )

    async def say(self, **frame: Any) -> None:
        assert self.socket is not None
        data = codec_named(self.encoding).encode(frame)
        await self.socket.send(data if self.encoding == "msgpack" else data.decode())

    async def hear(self) -> dict[str, Any]:
        """The next frame. Raises ConnectionClosed."""
        assert self.socket is not None
        data = await self.socket.recv()
        frame: dict[str, Any] = codec_named(self.encoding).decode(data, dict)
        for message in frame.get("m", ()):
            message["d"] = message["d"] if isinstance(message["d"], str) else UUID(bytes=message["d"])
            message["d"] = UUID(str(message["d"]))
        self.frames.append(frame)
        return frame

    async def connect(self) -> dict[str, Any]:
        """Say hello with the cursor, and listen from now on. Returns the welcome."""
        if self.socket is not None:
            await self.leave()
        await self.open()
        await self.say(t="hello", token=self.token, dev=str(self.device), resume=self.cursor)
        try:
            welcome = await self.hear()
        except ConnectionClosed:
            assert self.socket is not None
            self.close_code = self.socket.close_code
            raise
        assert welcome["t"] == "welcome"
        self.cursor = welcome["cursor"]
        self._spawn(self._listen())
        return welcome

    async def _listen(self) -> None:
        socket = self.socket
        assert socket is not None
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = await self.hear()
                self.cursor = frame.get("cursor") or self.cursor
                if frame["t"] == "hb" and self.answers:
                    await self.say(t="hb", cursor=self.cursor)
                for message in frame.get("m", ()):
                    self._take(message)
                self._tell()
        if socket is self.socket:
            self.close_code = socket.close_code
        self._tell()

    def _take(self, message: dict[str, Any]) -> None:
        dialog = message["d"]
        view = self.views.setdefault(dialog, DialogView(self.last))
        match view.offer(message["s"], message, lambda seq, one: self._apply(dialog, seq, one)):
            case "known":
                self.known += 1
            case "gap":
                self._spawn(self._ask(dialog))

    def _apply(self, dialog: UUID, seq: int, message: dict[str, Any]) -> None:
        self.applied[dialog].append(seq)
        self.contents[dialog, seq] = message["c"]

    async def _ask(self, dialog: UUID) -> None:
        await asyncio.sleep(0.15)
        if self.views[dialog].held:
            with contextlib.suppress(ConnectionClosed):
                await self.say(t="get", d=str(dialog), after=self.views[dialog].last, limit=100)

    async def run(self) -> None:
        """Stay connected until cancelled, coming back after each close that allows it."""
        while True:
            with contextlib.suppress(ConnectionClosed, OSError, InvalidHandshake, TimeoutError):
                await self.connect()
                await self.closed()
            if self.close_code is not None and self.close_code >= 4500:
                return
            await asyncio.sleep(0.02)

    async def until(self, condition: Any, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it holds; looked at after each frame."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def closed(self, seconds: float = PATIENCE_SECONDS) -> int | None:
        await self.until(lambda: self.close_code is not None, seconds)
        return self.close_code

    async def leave(self) -> None:
        """Go without a word: the socket is cut."""
        socket, self.socket = self.socket, None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if socket is not None:
            socket.transport.abort()
            await socket.wait_closed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self) -> None:
        self._changed.set()
