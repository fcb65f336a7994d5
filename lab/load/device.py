"""One device of one user: a websocket that listens, comes back after a close, and applies the client rule."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame as RawFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from lab.load.client_rule import HOLD_SECONDS, DialogView
from lab.load.frames import Frame, Language, Light, decode_binary, decode_text
from lab.load.tls import trusting

NEXT, KNOWN, GAP, MISROUTED, REPLAY, LATE = 1, 2, 4, 8, 16, 32  # flags of a received message
OPEN_SECONDS = 10.0
BACKOFF_SECONDS, BACKOFF_LIMIT_SECONDS = 0.2, 20.0  # full jitter, as the wire asks of every client


class Log(Protocol):
    """Where devices report. Times are of time.monotonic()."""

    def received(self, device: int, message: Light, flags: int, at: float) -> None: ...

    def applied(self, device: int, message: Light, at: float) -> None: ...

    def closed(self, device: int, code: int) -> None: ...

    def welcomed(self, device: int, resumed: str) -> None: ...


# Read the messages of a dialog after a seq over HTTP: (user, other user, after) -> messages, oldest first.
Refetch = Callable[[int, int, int], "asyncio.Future[Sequence[Light]]"]


@dataclass
class Device:
    """`dialogs` are those the user is part of: id as on the wire -> (other user, newest seq known)."""

    number: int
    user_id: int
    urls: list[str]  # after each close the next one: a service that is gone has neighbours
    token: str
    language: Language
    dialogs: dict[Any, tuple[int, int | None]]
    log: Log
    refetch: Refetch
    chance: random.Random
    device_id: str
    certificate: str = ""  # that wss:// shows
    cursor: Any = None
    tries: int = 0
    turn: int = 0
    ended: bool = False
    link: "Link | None" = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopped_by: int = 0  # a close code after which a client must not come back
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    views: dict[Any, DialogView[Light]] = field(default_factory=dict)
    asked: set[Any] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.views = {name: DialogView(last) for name, (_, last) in self.dialogs.items()}

    @property
    def open(self) -> bool:
        return self.link is not None and self.link.welcomed

    async def connect(self) -> None:
        """Open the socket; on failure try again later, in the background."""
        url = self.urls[self.turn % len(self.urls)]
        parts = parse_uri(f"{url}{'&' if urlsplit(url).query else '?'}u={self.user_id}")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                secure = trusting(self.certificate) if parts.secure else None
                await loop.create_connection(lambda: Link(self, parts), parts.host, parts.port, ssl=secure)
        except (OSError, TimeoutError):
            self.come_back()

    def come_back(self) -> None:
        """Connect again after a random part of a growing time."""
        if self.ended:
            return
        wait = self.chance.random() * min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2 ** min(self.tries, 10))
        self.tries += 1
        self.spawn(self._connect_after(wait))

    async def _connect_after(self, seconds: float) -> None:
        self.turn += 1
        await asyncio.sleep(seconds)
        await self.connect()

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def move(self, seconds: float) -> None:
        """The service is about to leave: open the new socket before the old one closes."""
        self.spawn(self._connect_after(seconds))

    def welcome(self, link: "Link", frame: Frame) -> None:
        """The session stands; an older link of this device can go (make before break)."""
        old, self.link = self.link, link
        if old is not None and old is not link:
            old.leave()
        self.tries = 0
        self.log.welcomed(self.number, frame.resumed)
        if frame.resumed == "none":
            for name in self.dialogs:
                self.spawn(self._reload(name))
        self.ready.set()

    def take(self, messages: Iterable[Light], replay: bool, at: float) -> None:
        """Messages as they came."""
        for message in messages:
            view = self.views.get(message.d)
            if view is None:
                if self.user_id not in (message.f, message.to):
                    self.log.received(self.number, message, MISROUTED, at)
                    continue
                view = self.views[message.d] = DialogView(None)
                self.dialogs[message.d] = (message.f + message.to - self.user_id, None)
            flags = REPLAY if replay else 0
            if not replay and message.s < view.highest:
                flags |= LATE
            match view.offer(message.s, message, lambda _, one: self.log.applied(self.number, one, at)):
                case "next":
                    flags |= NEXT
                case "known":
                    flags |= KNOWN
                case _:
                    flags |= GAP
                    self._ask_later(message.d)
            self.log.received(self.number, message, flags, at)

    def _ask_later(self, dialog: Any) -> None:
        if dialog not in self.asked:
            self.asked.add(dialog)
            asyncio.get_running_loop().call_later(HOLD_SECONDS, self._ask, dialog)

    def _ask(self, dialog: Any) -> None:
        self.asked.discard(dialog)
        view = self.views[dialog]
        if not view.held or self.ended:
            return
        if self.link is not None:
            self.link.say({"t": "get", "d": dialog, "after": view.last, "limit": 100})
        self._ask_later(dialog)

    async def _reload(self, dialog: Any) -> None:
        """Over HTTP, from the newest seq known: when the service cannot replay."""
        view = self.views[dialog]
        while not self.ended and view.last is not None:
            messages = await self.refetch(self.user_id, self.dialogs[dialog][0], view.last)
            for message in messages:
                message.d = dialog
            self.take(messages, True, time.monotonic())
            if not messages:
                return

    def stale(self, dialog: Any) -> None:
        """The service does not hold what was asked for."""
        if dialog in self.views:
            self.spawn(self._reload(dialog))

    def lost(self, link: "Link", code: int) -> None:
        """A link of ours has ended."""
        if link.left or self.ended:
            return
        self.log.closed(self.number, code)
        if link is self.link:
            self.link = None
        if 4500 <= code <= 4999:
            self.stopped_by = code
            self.ready.set()
        elif self.link is None or not link.welcomed:  # nor is a move over that was refused
            self.come_back()

    def end(self) -> None:
        """Close for good."""
        self.ended = True
        for task in self.tasks:
            task.cancel()
        if self.link is not None:
            self.link.leave()


class Link(asyncio.Protocol):
    """One websocket connection, on the sans-I/O protocol of the websockets library."""

    def __init__(self, device: Device, uri: Any) -> None:
        self._device = device
        self._protocol = ClientProtocol(
            uri,
            subprotocols=[device.language.subprotocol],  # type: ignore[list-item]  # a NewType of str
            extensions=[ClientPerMessageDeflateFactory()],  # costs nothing unless the service wants it
        )
        self._transport: Any = None
        self._parts: list[bytes] = []
        self._text = True
        self.welcomed = False
        self.left = False
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, RawFrame):
                self._frame(event, at)
            else:
                self._handshaken()
        self._flush()

    def _handshaken(self) -> None:
        if self._protocol.handshake_exc is not None:
            self._transport.abort()
            return
        hello = {
            "t": "hello",
            "token": self._device.token,
            "dev": self._device.device_id,
            "resume": self._device.cursor,
        }
        self.say(hello)

    def _frame(self, frame: RawFrame, at: float) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        if not frame.fin or self._parts:
            self._parts.append(bytes(frame.data))
            if not frame.fin:
                return
            data, self._parts = b"".join(self._parts), []
        else:
            data = bytes(frame.data)
        self._read((decode_text if self._text else decode_binary)(data), at)

    def _read(self, frame: Frame, at: float) -> None:
        device = self._device
        if frame.cursor is not None:
            device.cursor = frame.cursor
        match frame.t:
            case "batch":
                device.take(frame.m, frame.re, at)
            case "hb":
                self.say({"t": "hb", "cursor": device.cursor})
            case "welcome":
                self.welcomed = True
                device.welcome(self, frame)
            case "token":
                self.say({"t": "token", "token": device.token})
            case "bye":
                device.move(frame.after / 1000)
            case "stale":
                device.stale(frame.d)

    def say(self, frame: dict[str, Any]) -> None:
        """Send a frame; on a closed connection nothing happens."""
        if self._transport is None or self._protocol.state is not State.OPEN:
            return
        data = self._device.language.encode(frame)
        if self._device.language.binary:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        self._flush()

    def leave(self) -> None:
        """Close from our side; not counted, nothing follows."""
        self.left = True
        if self._transport is None:
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        self._transport.close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is None or self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._lost:
            return
        self._lost = True
        close = self._protocol.close_rcvd
        self._device.lost(self, close.code if close else 1006)
