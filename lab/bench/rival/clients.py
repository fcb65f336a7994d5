"""The rival's clients and its emitter: sockets in the Engine.IO protocol, messages numbered and counted."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import socketio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lab.bench.rival.server import EVENT, room

OPEN_SECONDS = 10.0
HANDSHAKE = "/socket.io/?EIO=4&transport=websocket"


class Listener:
    """One device. It answers pings and takes messages; `heard` are their numbers."""

    def __init__(self, url: str, user: int) -> None:
        self._url, self._user = url.replace("http", "ws", 1) + HANDSHAKE, user
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self.heard: list[int] = []
        self.delays: list[float] = []

    async def start(self) -> None:
        """In its room when this returns."""
        self._socket = await connect(
            self._url, compression=None, ping_interval=None, open_timeout=OPEN_SECONDS, proxy=None
        )
        await self._socket.recv()  # 0{...}: the transport is open
        await self._socket.send("40" + json.dumps({"user": self._user}))
        async with asyncio.timeout(OPEN_SECONDS):
            while not str(await self._socket.recv()).startswith("40"):
                pass
        self._task = asyncio.create_task(self._listen(self._socket))

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                text = str(frame)
                if text == "2":
                    await socket.send("3")
                elif text.startswith("42"):
                    _, message = json.loads(text[2:])
                    self.heard.append(message["seq"])
                    self.delays.append(time.time() - message["at"])
        except ConnectionClosed:
            pass

    async def stop(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._task is not None:
            await self._task


class Emitter:
    """What the API process would be: emits each message to the rooms of both users, at equal distances.

    A message says when it was due: a delay that counted from its emission would leave out how long it
    waited for the one before.
    """

    def __init__(self, broker: str, pairs: Sequence[tuple[int, int]], rate: float, characters: int) -> None:
        self._manager: Any = socketio.AsyncAioPikaManager(broker, write_only=True)
        self._pairs = pairs
        self._rate = rate
        self._content = "x" * characters
        self.emitted: list[tuple[int, tuple[int, int]]] = []  # number, users: emit() returned
        self.raised = 0

    async def run(self, seconds: float) -> None:
        """Emit for so long; an emit that raises is counted and not repeated."""
        began, clock = time.monotonic(), time.time() - time.monotonic()
        for number in range(round(seconds * self._rate)):
            due = began + number / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            low, high = self._pairs[number % len(self._pairs)]
            message = {
                "seq": number,
                "from": low,
                "to": high,
                "content": self._content,
                "at": clock + due,
            }
            try:
                await self._manager.emit(EVENT, message, namespace="/", room=[room(low), room(high)])
                self.emitted.append((number, (low, high)))
            except asyncio.CancelledError:  # which the library raises when its channel was closed
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self.raised += 1
            except Exception:  # whatever it is: the caller of emit() was told
                self.raised += 1
