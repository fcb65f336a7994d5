"""The lean AMQP client writes what the library reads, reads however bytes are cut, and gives up cleanly."""

import asyncio
from typing import Any

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from tests.waiting import eventually
from tests.wire.heard import hint
from wire.broker import BrokerUnavailable
from wire.brokers.amqp.channel import Peer
from wire.brokers.amqp.lean import CHANNEL, FRAME_MAX, LeanChannel, header_frame, publish_frame
from wire.brokers.rabbitmq import RabbitPublisherSession
from wire.brokers.settings import BrokerSettings

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True

    def frames(self) -> list[Any]:
        """What was written, as the library reads it."""
        rest, frames = self.written, []
        while rest:
            count, channel, frame = pamqp.frame.unmarshal(rest)
            frames.append((channel, frame))
            rest = rest[count:]
        return frames


class Opened:
    """A channel as if a broker had let it in."""

    def __init__(self, confirms: bool = True) -> None:
        self.reasons: list[str] = []
        self.returned = 0
        self.heard: list[tuple[bytes, int]] = []
        self.channel = LeanChannel(confirms, self.reasons.append, self.count)
        self.wire = Wire()
        self.channel.connection_made(self.wire)
        self.channel._received = lambda body, tag: self.heard.append((body, tag))

    def count(self) -> None:
        self.returned += 1

    def comes(self, *frames: Any) -> None:
        self.channel.data_received(b"".join(pamqp.frame.marshal(frame, CHANNEL) for frame in frames))


def content(method: Any, body: bytes, size: int) -> list[Any]:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [method, ContentHeader(0, len(body), commands.Basic.Properties()), *map(ContentBody, pieces)]


@given(
    KEYS.filter(lambda key: len(key.encode()) < 256),
    KEYS.filter(lambda key: len(key.encode()) < 256),
    st.booleans(),
)
def test_a_publish_is_what_the_library_reads(exchange: str, key: str, mandatory: bool):
    count, channel, frame = pamqp.frame.unmarshal(publish_frame(exchange, key, mandatory))
    assert isinstance(frame, commands.Basic.Publish) and channel == CHANNEL
    assert (frame.exchange, frame.routing_key, frame.mandatory) == (exchange, key, mandatory)
    assert not frame.immediate and count == len(publish_frame(exchange, key, mandatory))


@given(st.integers(0, 2**40), st.lists(KEYS, max_size=20))
def test_a_content_header_is_what_the_library_reads(size: int, also: list[str]):
    _, _, frame = pamqp.frame.unmarshal(header_frame(size, also))
    assert isinstance(frame, ContentHeader) and frame.body_size == size
    assert frame.properties.delivery_mode == 1
    assert frame.properties.headers == ({"CC": also} if also else None)


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=8),
    st.integers(1, 100),
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
)
def test_messages_come_whole_and_in_order_however_the_bytes_are_cut(
    bodies: list[bytes], size: int, cuts: list[int]
):
    async def main() -> None:
        opened = Opened()
        frames: list[Any] = []
        for tag, body in enumerate(bodies, 1):
            frames += [
                *content(commands.Basic.Deliver("c", tag, False, "hints", "7"), body, size),
                Heartbeat(),
            ]
        data = b"".join(
            pamqp.frame.marshal(frame, 0 if isinstance(frame, Heartbeat) else CHANNEL) for frame in frames
        )
        at = 0
        for cut in cuts * (len(data) // sum(cuts) + 1):
            opened.channel.data_received(data[at : at + cut])
            at += cut
        assert opened.heard == [(body, tag) for tag, body in enumerate(bodies, 1)]
        assert opened.reasons == []

    asyncio.run(main())


@given(st.binary(min_size=8, max_size=200))
def test_bytes_that_are_no_amqp_raise_nothing(data: bytes):
    async def main() -> None:
        opened = Opened()
        opened.channel.data_received(data)
        opened.channel.data_received(data)
        assert len(opened.reasons) <= 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"\1\0\1\0\0\0\4abcdX",  # not the end
        b"\1\0\1\0\0\0\0\xce",  # no method
        b"\1\0\1\0\0\0\4\0\x3c\0\x3c\xce",  # a delivery without its tag
        b"\2\0\1\0\0\0\0\xce",  # no size
        b"\1\0\1\0\0\0\4\xff\xff\xff\xff\xce",  # no such method
        b"\1\0\1\xff\0\0\0abcd",  # larger than agreed
    ],
)
async def test_what_is_no_frame_loses_the_connection(data: bytes):
    opened = Opened()
    opened.channel.data_received(data)
    assert opened.wire.aborted and "no AMQP" in opened.reasons[0]


async def test_a_confirm_of_several_is_of_all_before_it_and_of_none_after():
    opened = Opened()
    first, second, third = (opened.channel.publish(b"x", "hints", ["7"], True) for _ in range(3))
    opened.comes(commands.Basic.Ack(2, True))
    assert first.done() and second.done() and not third.done()
    opened.comes(commands.Basic.Nack(3, False, False))
    with pytest.raises(BrokerUnavailable, match="did not take"):
        third.result()


async def test_a_confirm_that_nobody_waits_for_any_more_harms_nobody():
    opened = Opened()
    given_up, waited_for = (opened.channel.publish(b"x", "hints", ["7"], True) for _ in range(2))
    given_up.cancel()
    opened.comes(commands.Basic.Ack(9, False), commands.Basic.Ack(2, True))
    assert waited_for.result() is None and opened.reasons == []


async def test_a_message_that_comes_back_is_counted_and_not_heard():
    opened = Opened()
    opened.comes(*content(commands.Basic.Return(312, "NO_ROUTE", "hints", "7"), b"mine", 100))
    opened.comes(*content(commands.Basic.Deliver("c", 1, False, "hints", "7"), b"theirs", 100))
    assert opened.returned == 1 and opened.heard == [(b"theirs", 1)]


async def test_a_large_body_goes_out_in_frames_of_the_agreed_size():
    opened = Opened()
    body = bytes(range(256)) * 2000
    opened.channel.publish(body, "hints", ["7", "8"], True)
    (_, publish), (_, header), *pieces = opened.wire.frames()
    assert (publish.routing_key, header.properties.headers) == ("7", {"CC": ["8"]})
    assert b"".join(piece.value for _, piece in pieces) == body
    assert max(len(pamqp.frame.marshal(piece, CHANNEL)) for _, piece in pieces) == FRAME_MAX


async def test_all_that_wait_are_told_when_the_connection_is_lost_and_nothing_is_sent_any_more():
    opened = Opened()
    confirm = opened.channel.publish(b"x", "hints", ["7"], True)
    call = asyncio.create_task(opened.channel.unbind("q", "hints", "7"))
    await asyncio.sleep(0)
    opened.channel.connection_lost(ConnectionResetError("reset by peer"))
    for one in (confirm, call):
        with pytest.raises(BrokerUnavailable, match="reset by peer"):
            await one
    with pytest.raises(BrokerUnavailable, match="reset by peer"):
        opened.channel.publish(b"x", "hints", ["7"], True)
    opened.channel.ack(1)
    opened.channel.connection_lost(None)
    assert opened.reasons == ["reset by peer"]


async def test_a_close_of_the_broker_is_answered_and_its_words_are_told():
    opened = Opened()
    opened.comes(commands.Channel.Close(404, "NOT_FOUND - no exchange", 60, 40))
    assert isinstance(opened.wire.frames()[-1][1], commands.Channel.CloseOk)
    assert opened.wire.closed and opened.reasons == ["404 NOT_FOUND - no exchange"]


async def test_a_call_that_is_given_up_loses_the_connection_since_its_answer_would_be_the_next_ones():
    opened = Opened()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await opened.channel.unbind("q", "hints", "7")
    assert "was not answered in time" in opened.reasons[0]


@pytest.mark.parametrize("confirm", [True, False])
async def test_a_publish_waits_while_the_socket_is_full(confirm: bool):
    """An alarm blocks for minutes: what is handed over meanwhile must not gather in the transport."""
    opened = Opened(confirms=confirm)
    publisher = RabbitPublisherSession(BrokerSettings(broker="rabbitmq", confirm=confirm))
    publisher.channel = opened.channel
    opened.channel.pause_writing()
    publishing = [asyncio.create_task(publisher.publish([hint(1, 2, n)])) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    publishing[0].cancel()
    await asyncio.wait(publishing[:1])
    assert opened.wire.frames() == []
    opened.channel.resume_writing()
    await eventually(lambda: len(opened.wire.frames()) == 6)  # method, header and body of two
    opened.channel.pause_writing()
    late = asyncio.create_task(publisher.publish([hint(1, 2, 4)]))
    await asyncio.sleep(0)
    opened.channel.connection_lost(None)
    with pytest.raises(BrokerUnavailable):
        await late
    assert len(opened.wire.frames()) == 6
    await asyncio.gather(*publishing, return_exceptions=True)


async def test_a_silent_broker_is_lost_and_a_late_loop_is_not_its_fault():
    opened = Opened()
    now = asyncio.get_running_loop().time()
    opened.channel._heard_at = now - 20
    opened.channel._keep(5.0, now - 30)  # we ourselves come late: what is there has not been read
    assert opened.reasons == [] and isinstance(opened.wire.frames()[-1][1], Heartbeat)
    opened.channel._keep(5.0, now - 2.5)
    assert opened.wire.aborted and "said nothing for 20" in opened.reasons[0]


async def test_a_blocked_connection_is_told_and_kept(caplog):
    opened = Opened()
    opened.comes(commands.Connection.Blocked("low on memory"), commands.Connection.Unblocked())
    assert "takes no messages for now: low on memory" in caplog.text and "again" in caplog.text
    assert opened.reasons == []


@given(st.integers(1, 2**60))
def test_an_ack_is_of_all_up_to_a_message(tag: int):
    async def main() -> None:
        opened = Opened()
        opened.channel.ack(tag)
        [(channel, frame)] = opened.wire.frames()
        assert isinstance(frame, commands.Basic.Ack) and channel == CHANNEL
        assert (frame.delivery_tag, frame.multiple) == (tag, True)

    asyncio.run(main())


def test_no_password_is_shown():
    secret = "correct horse"
    url = f"scheme://lab:{secret}@host/"
    settings = BrokerSettings(
        broker="rabbitmq", rabbitmq_password=secret, postgres_dsn=url, nats_url=url, redis_url=url
    )
    peer = Peer("host", 5672, "lab", secret, "/", "test", 5.0, 5.0)
    assert secret not in f"{settings} {peer}"
