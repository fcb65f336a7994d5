"""AMQP 0-9-1 as far as hints need it: one channel on one connection, written for few passes of the loop.

On a machine that is not busy a message costs what the code around it costs to fetch, and a library hands each
frame from task to task (`lab show amqp_client` has the price). Publish, confirm, deliver and ack are
written and read here; the rare methods are pamqp's. Source: the AMQP 0-9-1 specification, and RabbitMQ's
extensions publisher confirms, CC, connection.blocked, consumer cancel notify.
"""

import asyncio
import logging
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import cast

import pamqp.frame
from pamqp import commands
from pamqp.base import Frame
from pamqp.common import FieldTable
from pamqp.exceptions import PAMQPException
from pamqp.heartbeat import Heartbeat

from wire.broker import BrokerUnavailable
from wire.brokers.amqp.channel import CLOSE_SECONDS, TRANSIENT, Peer, Queue

logger = logging.getLogger(__name__)

CHANNEL = 1
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = b"\xce"
BASIC = 60
PUBLISH, RETURN, DELIVER, ACK, NACK = ((BASIC << 16) | number for number in (40, 50, 60, 80, 120))
HAS_HEADERS, HAS_DELIVERY_MODE = 0x2000, 0x1000
FRAME_MAX = 131_072

_head = struct.Struct(">BHI")  # type, channel, bytes of payload
_number = struct.Struct(">I")
_tag = struct.Struct(">Q")
_confirmed = struct.Struct(">QB")  # delivery tag, multiple in the lowest bit
_content = struct.Struct(">HHQH")  # class, weight, bytes of body, flags


def _frame(kind: int, payload: bytes) -> bytes:
    return _head.pack(kind, CHANNEL, len(payload)) + payload + END


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


@lru_cache(maxsize=4096)
def publish_frame(exchange: str, key: str, mandatory: bool) -> bytes:
    """basic.publish."""
    words = _number.pack(PUBLISH) + b"\0\0" + _short(exchange) + _short(key) + bytes([mandatory])
    return _frame(METHOD, words)


def header_frame(body_size: int, also: Sequence[str]) -> bytes:
    """The content header: transient, and with the further keys in CC."""
    if not also:
        return _frame(HEADER, _content.pack(BASIC, 0, body_size, HAS_DELIVERY_MODE) + bytes([TRANSIENT]))
    texts = [key.encode() for key in also]
    items = b"".join([b"S" + _number.pack(len(text)) + text for text in texts])
    table = b"\x02CCA" + _number.pack(len(items)) + items
    flags = HAS_HEADERS | HAS_DELIVERY_MODE
    words = _content.pack(BASIC, 0, body_size, flags) + _number.pack(len(table)) + table + bytes([TRANSIENT])
    return _frame(HEADER, words)


class LeanChannel(asyncio.Protocol):
    """See .channel.Channel. `lost` is called once, with the reason, when the connection is of no more use;
    `returned` when no queue took a message."""

    def __init__(self, confirms: bool, lost: Callable[[str], None], returned: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._confirms = confirms
        self._tell_lost, self._returned = lost, returned
        self._why = ""  # it is of no more use
        self._transport: asyncio.Transport
        self._rest = b""
        self._most = FRAME_MAX - 8  # bytes of body in a frame
        self._heard_at = self._loop.time()
        self._beat: asyncio.TimerHandle | None = None
        self.full: asyncio.Future[None] | None = None
        # Calls that are answered: one at a time.
        self._calling = asyncio.Lock()
        self._answer: asyncio.Future[Frame] | None = None
        # Messages out.
        self._published = 0
        self._unconfirmed: dict[int, asyncio.Future[None]] = {}
        # The message that is coming in.
        self._received: Callable[[bytes, int], None] = lambda _body, _tag: None
        self._delivery_tag = 0
        self._comes_back = False
        self._left = 0
        self._pieces: list[bytes] = []

    # --- the connection

    @classmethod
    async def open(
        cls, peer: Peer, confirms: bool, lost: Callable[[str], None], returned: Callable[[], None]
    ) -> "LeanChannel":
        """Connect, log in, open the channel. Raises BrokerUnavailable or OSError (TimeoutError too)."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(peer.connect_timeout_seconds):
            _, channel = await loop.create_connection(
                lambda: cls(confirms, lambda _why: None, returned), peer.host, peer.port
            )
            try:
                await channel._greet(peer)
            except BaseException:
                channel._lose("not connected")
                raise
        # Only now: what is lost before is this attempt, and the next host's channel is well.
        channel._tell_lost = lost
        return channel

    async def _greet(self, peer: Peer) -> None:
        self._answer = self._loop.create_future()
        self._transport.write(b"AMQP\0\0\x09\1")
        await self._answer  # start
        capabilities: FieldTable = {
            "publisher_confirms": True,
            "basic.nack": True,
            "consumer_cancel_notify": True,
            "connection.blocked": True,
            "authentication_failure_close": True,
        }
        tune = await self._call(
            commands.Connection.StartOk(
                {"connection_name": peer.name, "product": "lab", "capabilities": capabilities},
                response=f"\0{peer.user}\0{peer.password}",
            ),
            channel=0,
        )
        if not isinstance(tune, commands.Connection.Tune):
            raise BrokerUnavailable(f"{tune.name} came, tune was expected")
        frame_max = min(tune.frame_max or FRAME_MAX, FRAME_MAX)
        self._most = frame_max - 8
        ours = max(1, round(peer.heartbeat_seconds))
        heartbeat = min(ours, tune.heartbeat or ours)
        self._write(commands.Connection.TuneOk(1, frame_max, heartbeat), channel=0)
        await self._call(commands.Connection.Open(peer.virtual_host), channel=0)
        await self._call(commands.Channel.Open())
        if self._confirms:
            await self._call(commands.Confirm.Select())
        if self._why:  # in the same bytes as the last answer
            raise BrokerUnavailable(self._why)
        self._beat = self._loop.call_later(heartbeat / 2, self._keep, heartbeat, self._loop.time())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no child of it

    def eof_received(self) -> None:
        self._lose("the connection was closed")  # now: a full buffer would keep it half open

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(str(exc or "") or "the connection was closed")

    def pause_writing(self) -> None:
        if self.full is None and not self._why:
            self.full = self._loop.create_future()

    def resume_writing(self) -> None:
        if self.full is not None:
            self.full.set_result(None)
            self.full = None

    def _keep(self, heartbeat: float, began: float) -> None:
        now = self._loop.time()
        # Two heartbeats without a word. Who was late itself has not read yet what may be there.
        if now - self._heard_at > 2 * heartbeat and now - began < heartbeat:
            self._lose(f"the broker has said nothing for {now - self._heard_at:.1f} s")
            return
        self._transport.write(pamqp.frame.marshal(Heartbeat(), 0))
        self._beat = self._loop.call_later(heartbeat / 2, self._keep, heartbeat, now)

    def _lose(self, why: str, flush: bool = False) -> None:
        if self._why:
            return
        self._why = why
        if self._beat is not None:
            self._beat.cancel()
        self.resume_writing()
        waiting: list[asyncio.Future[None] | asyncio.Future[Frame]] = [*self._unconfirmed.values()]
        waiting += [self._answer] if self._answer is not None else []
        self._unconfirmed.clear()
        for one in waiting:
            if not one.done():
                one.set_exception(BrokerUnavailable(why))
                one.exception()  # seen: nobody may be waiting
        (self._transport.close if flush else self._transport.abort)()
        self._tell_lost(why)

    async def close(self) -> None:
        if self._why:
            return
        try:
            with suppress(BrokerUnavailable, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._call(commands.Connection.Close(200, "", 0, 0), channel=0)
        finally:
            self._lose("closed")

    # --- methods that are answered

    def _write(self, method: Frame, channel: int = CHANNEL) -> None:
        if self._why:
            raise BrokerUnavailable(self._why)
        self._transport.write(pamqp.frame.marshal(method, channel))

    async def _call(self, method: Frame, channel: int = CHANNEL) -> Frame:
        async with self._calling:
            self._write(method, channel)
            self._answer = self._loop.create_future()
            try:
                return await self._answer
            except asyncio.CancelledError:
                self._lose(f"{method.name} was not answered in time")  # its answer would be the next one's
                raise

    async def declare_exchange(self, name: str, exchange_type: str) -> None:
        await self._call(commands.Exchange.Declare(0, name, exchange_type, durable=True))

    async def consume(self, queue: Queue, prefetch: int, received: Callable[[bytes, int], None]) -> None:
        self._received = received
        await self._call(
            commands.Queue.Declare(
                queue=queue.name,
                durable=queue.durable,
                exclusive=queue.exclusive,
                auto_delete=queue.auto_delete,
                arguments=dict(queue.arguments),
            )
        )
        await self._call(commands.Basic.Qos(prefetch_count=prefetch))
        await self._call(commands.Basic.Consume(queue=queue.name))

    async def bind(self, queue: str, exchange: str, keys: Collection[str]) -> None:
        *most, last = keys
        for key in most:  # the broker keeps a channel's order: the answer to the last is one to all
            self._write(commands.Queue.Bind(0, queue, exchange, key, nowait=True))
        await self._call(commands.Queue.Bind(0, queue, exchange, last))

    async def unbind(self, queue: str, exchange: str, key: str) -> None:
        await self._call(commands.Queue.Unbind(0, queue, exchange, key))

    # --- messages

    def publish(
        self, body: bytes, exchange: str, keys: Sequence[str], mandatory: bool
    ) -> asyncio.Future[None]:
        if self._why:
            raise BrokerUnavailable(self._why)
        parts = [publish_frame(exchange, keys[0], mandatory), header_frame(len(body), keys[1:])]
        for start in range(0, len(body), self._most):
            piece = body[start : start + self._most]
            parts += [_head.pack(BODY, CHANNEL, len(piece)), piece, END]
        self._transport.write(b"".join(parts))
        if not self._confirms:
            done = self._loop.create_future()
            done.set_result(None)
            return done
        self._published += 1
        confirm = self._unconfirmed[self._published] = self._loop.create_future()
        return confirm

    def ack(self, delivery_tag: int) -> None:
        if not self._why:
            self._transport.write(_frame(METHOD, _number.pack(ACK) + _confirmed.pack(delivery_tag, 1)))

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 8:  # the shortest frame
            kind, _, size = _head.unpack_from(data, at)
            after = at + 8 + size
            if size > FRAME_MAX or (after <= end and data[after - 1] != END[0]):
                self._lose(f"no AMQP frame: {data[at : at + 8]!r}")
                return
            if after > end:
                break
            try:
                self._take(kind, data, at, after)
            except (struct.error, IndexError):
                self._lose(f"no AMQP frame: {data[at:after]!r}")
            if self._why:
                return
            at = after
        self._rest = data[at:]

    def _take(self, kind: int, data: bytes, start: int, after: int) -> None:
        at = start + 7
        if kind == METHOD:
            (method,) = _number.unpack_from(data, at)
            if method == DELIVER:
                (self._delivery_tag,) = _tag.unpack_from(data, at + 5 + data[at + 4])
                self._comes_back = False
            elif method in {ACK, NACK}:
                tag, bits = _confirmed.unpack_from(data, at + 4)
                self._confirm(tag, bool(bits & 1), method == ACK)
            elif method == RETURN:
                self._comes_back = True
            else:
                self._method(data[start:after])
        elif kind == HEADER:
            (self._left,) = _tag.unpack_from(data, at + 4)
            if not self._left:
                self._message(b"")
        elif kind == BODY:
            piece = data[at : after - 1]
            self._left -= len(piece)
            if self._left > 0:
                self._pieces.append(piece)
                return
            if self._pieces:
                piece = b"".join([*self._pieces, piece])
                self._pieces.clear()
            self._message(piece)

    def _message(self, body: bytes) -> None:
        if self._comes_back:
            self._returned()
        else:
            self._received(body, self._delivery_tag)

    def _confirm(self, tag: int, multiple: bool, taken: bool) -> None:
        if multiple:
            tags = [one for one in self._unconfirmed if one <= tag]
        else:
            tags = [tag] if tag in self._unconfirmed else []
        for one in tags:
            confirm = self._unconfirmed.pop(one)
            if confirm.done():
                continue
            if taken:
                confirm.set_result(None)
            else:
                confirm.set_exception(BrokerUnavailable("the broker did not take the message"))

    def _method(self, data: bytes) -> None:
        try:
            _, channel, method = pamqp.frame.unmarshal(data)
        except (PAMQPException, ValueError) as error:
            self._lose(f"no AMQP method: {error}")
            return
        match method:
            case commands.Connection.Close() | commands.Channel.Close():
                ok = commands.Connection.CloseOk() if channel == 0 else commands.Channel.CloseOk()
                self._transport.write(pamqp.frame.marshal(ok, channel))
                self._lose(f"{method.reply_code} {method.reply_text}", flush=True)
            case commands.Basic.Cancel():
                self._lose("the broker cancelled the consumer")
            case commands.Connection.Blocked():
                logger.warning("the broker takes no messages for now: %s", method.reason)
            case commands.Connection.Unblocked():
                logger.warning("the broker takes messages again")
            case Frame() if self._answer is not None and not self._answer.done():
                self._answer.set_result(method)
            case _:
                self._lose(f"unexpected: {method!r}")
