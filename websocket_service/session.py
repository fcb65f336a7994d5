"""A session: one welcomed socket of a user, with the messages that wait for it."""

import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from websocket_service import close_codes
from websocket_service.connection import Connection
from websocket_service.frames import Batch, ServerFrame
from websocket_service.outgoing import Outgoing
from wire.codecs import Codec

if TYPE_CHECKING:
    from websocket_service.users import User, Users

MAX_PENDING = 256  # messages
MAX_PENDING_BYTES = 262_144
BATCH_MESSAGES = 64
BATCH_BYTES = 65_536
CURSOR_EVERY = 32  # messages: a socket that breaks then needs at most so many again from the ring


class Session:
    """Messages wait in `pending` until the socket takes them; too many, and it is closed as slow.

    `live` is False while the resume is written: what arrives meanwhile waits behind it (I2).
    The place in the user's stream that was written is `user.number - len(pending)`, so the cursor
    cannot run ahead of the socket (I3): within one socket bytes keep their order.
    """

    __slots__ = (
        "answered",
        "asked_at",
        "beat_at",
        "codec",
        "complete_until",
        "connection",
        "cursor_given",
        "device",
        "dirty",
        "ending",
        "expires_at",
        "frames_at",
        "frames_left",
        "live",
        "pending",
        "pending_bytes",
        "rests_until",
        "since_cursor",
        "timer",
        "token_asked",
        "user",
        "users",
    )

    def __init__(
        self, connection: Connection, users: "Users", user: "User", device: UUID, codec: Codec
    ) -> None:
        self.connection = connection
        self.users = users
        self.user = user
        self.device = device
        self.codec = codec
        self.pending: list[Outgoing] = []
        self.pending_bytes = 0
        self.live = False
        self.dirty = False  # a flush of it is to come
        self.rests_until = 0.0  # DEBOUNCE_SECONDS after the last frame, by the loop's clock
        self.ending = False
        self.cursor_given = ""  # in the welcome; empty before it
        self.complete_until = 0.0  # of the resume; the sweep knows better later
        self.since_cursor = 0
        # heartbeat and token: see timers.py
        self.timer: list[Any] | None = None
        self.expires_at = 0.0
        self.token_asked = False
        self.asked_at = 0.0
        self.beat_at = 0.0
        self.answered = True
        # client frames: see conversation.py
        self.frames_left = 0.0
        self.frames_at = 0.0

    @property
    def number(self) -> int:
        """The place in the user's stream up to which this socket was written."""
        return self.user.number - len(self.pending)

    @property
    def cursor(self) -> str:
        """Up to where this socket was written; during its resume what the client came with."""
        return self.users.cursor_of(self) if self.live else self.cursor_given

    def write(self, frame: ServerFrame) -> None:
        """One frame, at once."""
        written = self.connection.write(self.codec.encode(frame), self.codec.binary)
        self.users.metrics.bytes_written += written

    def add(self, outgoing: Outgoing) -> None:
        """One more message waits. A session that cannot keep up ends here."""
        self.pending.append(outgoing)
        self.pending_bytes += outgoing.size
        if len(self.pending) > MAX_PENDING or self.pending_bytes > MAX_PENDING_BYTES:
            self.flush()  # a burst is not slowness
            if len(self.pending) > MAX_PENDING or self.pending_bytes > MAX_PENDING_BYTES:
                self.end(close_codes.SLOW_CONSUMER)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it."""
        connection = self.connection
        while self.live and self.pending and connection.writable:
            self._write_batch()

    def _write_batch(self) -> None:
        pending = self.pending
        count = 0
        size = 0
        for outgoing in pending[:BATCH_MESSAGES]:
            size += outgoing.size
            if count and size > BATCH_BYTES:
                size -= outgoing.size
                break
            count += 1
        if count == len(pending):
            batch, self.pending, self.pending_bytes = pending, [], 0
        else:
            batch = pending[:count]
            del pending[:count]
            self.pending_bytes -= size
        self.since_cursor += count
        self.write(self.batch_of(batch, cursor=self.since_cursor >= CURSOR_EVERY))

    def batch_of(self, batch: list[Outgoing], *, replay: bool = False, cursor: bool = False) -> Batch:
        """A frame of these messages, to be written now."""
        now = time.time()
        codec = self.codec
        frame = Batch(self.number, [outgoing.raw(codec, now) for outgoing in batch], replay)
        if cursor:
            frame.cursor = self.users.cursor_of(self)
        if not replay:
            self.users.metrics.pushed(batch, now)
        return frame

    async def replay(self, messages: list[Outgoing]) -> None:
        """Write the resume, waiting for the socket; then what arrived meanwhile; then go live."""
        start = 0
        while start < len(messages) and not self.ending:
            stop, size = start, 0
            while stop < min(start + BATCH_MESSAGES, len(messages)) and size < BATCH_BYTES:
                size += messages[stop].size
                stop += 1
            # Only the last one carries a cursor: the socket is not complete before it.
            self.write(
                self.batch_of(messages[start:stop], replay=True, cursor=stop == len(messages)),
            )
            start = stop
            await self.connection.caught_up()
        self.live = True
        self.flush()

    def end(self, code: int) -> None:
        """Close for this reason; nothing is written any more."""
        if self.ending:
            return
        self.ending = True
        self.live = False
        self.pending = []
        self.pending_bytes = 0
        self.connection.end(code)
        self.users.metrics.closed(code)
        self.users.forget(self)
