"""What an attacker tries against the websockets."""

import asyncio
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from lab.experiments.meter import Meter
from lab.faults.watching import scrape
from lab.stack.description import StackDescription
from lab.stack.host import restart
from tests.security.conftest import User
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.message import dialog_id_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
People = tuple[User, User, User]
PROTOCOL = Subprotocol("dialog.v1.json")
SOON_SECONDS = PATIENCE_SECONDS
HELLO_SECONDS = 5.0
MOST_CROWDS = 10  # after the first; what is kept comes again with each
FEW_BYTES = 3 * 2**20  # 1.5 KiB for each of a crowd's 2,000
SECRET_WORDS = "the treasure is under the old oak"


@asynccontextmanager
async def opened(stack: StackDescription, **more: Any) -> AsyncIterator[ClientConnection]:
    """A socket that has said nothing yet."""
    more = {"subprotocols": [PROTOCOL], "compression": None, "open_timeout": PATIENCE_SECONDS, **more}
    async with connect(stack.websockets[0], **more) as socket:
        yield socket


@asynccontextmanager
async def welcomed(stack: StackDescription, user: User, **more: Any) -> AsyncIterator[ClientConnection]:
    """A socket of a user."""
    async with opened(stack, **more) as socket:
        await say(socket, t="hello", token=user.token, dev=str(uuid4()))
        assert (await hear(socket))["t"] == "welcome"
        yield socket


async def say(socket: ClientConnection, **frame: object) -> None:
    """Send a frame, unless the service closes meanwhile: then `closed` tells the code."""
    with suppress(ConnectionClosed):
        await socket.send(json.dumps(frame))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(SOON_SECONDS):
        frame: dict[str, Any] = json.loads(await socket.recv())
        return frame


async def closed(socket: ClientConnection, within: float = SOON_SECONDS) -> int | None:
    """The code with which the service closes."""
    async with asyncio.timeout(within):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "null",
        "http://localhost@evil.example",
        "http://",
    ],
)
async def test_a_page_of_another_site_is_closed(origin: str, stack: StackDescription, people: People) -> None:
    async with opened(stack, origin=Origin(origin)) as socket:
        await say(socket, t="hello", token=people[0].token, dev=str(uuid4()))
        assert await closed(socket) == 4503


async def test_the_services_own_page_is_welcome(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0], origin=Origin(stack.api[0])):
        pass


@pytest.mark.parametrize("kind", ["none", "garbage", "refresh"])
async def test_a_socket_without_a_good_token_is_closed(
    kind: str, stack: StackDescription, people: People
) -> None:
    token = {"none": "", "garbage": "a.b.c", "refresh": people[0].refresh_token}[kind]
    async with opened(stack) as socket:
        await say(socket, t="hello", token=token, dev=str(uuid4()))
        assert await closed(socket) == 4500


async def test_the_user_in_the_address_is_never_believed(stack: StackDescription, people: People) -> None:
    ann, bob, mallory = people
    address = f"{stack.websockets[0]}?u={ann.id}"
    async with connect(address, subprotocols=[PROTOCOL], open_timeout=PATIENCE_SECONDS) as socket:
        await say(socket, t="hello", token=mallory.token, dev=str(uuid4()))
        assert (await hear(socket))["t"] == "welcome"
        await asyncio.to_thread(bob.send, ann, SECRET_WORDS)
        await asyncio.to_thread(bob.send, mallory, "for Mallory")
        while not (heard := await hear(socket)).get("m"):
            pass
    assert [message["c"] for message in heard["m"]] == ["for Mallory"]


async def test_others_dialogs_cannot_be_asked_for(stack: StackDescription, people: People) -> None:
    ann, bob, mallory = people
    await asyncio.to_thread(ann.send, bob, SECRET_WORDS)
    async with welcomed(stack, mallory) as socket:
        await say(socket, t="get", d=str(dialog_id_of(ann.id, bob.id)), after=0, limit=100)
        answer = await hear(socket)
    assert answer == {"t": "err", "code": "not_your_dialog"}


async def test_somebody_elses_cursor_gives_ones_own_messages(stack: StackDescription, people: People) -> None:
    ann, bob, mallory = people
    async with opened(stack) as socket:
        await say(socket, t="hello", token=ann.token, dev=str(uuid4()))
        stolen = (await hear(socket))["cursor"]
    await asyncio.to_thread(bob.send, ann, SECRET_WORDS)
    async with opened(stack) as socket:
        await say(socket, t="hello", token=mallory.token, dev=str(uuid4()), resume=stolen)
        assert (await hear(socket))["t"] == "welcome"
        await asyncio.to_thread(bob.send, mallory, "for Mallory")
        while not (heard := await hear(socket)).get("m"):
            pass
    assert [message["c"] for message in heard["m"]] == ["for Mallory"]


@pytest.mark.parametrize("cursor", ["", "x", "A" * 43, "A" * 60_000, "-1", "' OR 1=1 --"])
async def test_a_made_up_cursor_starts_anew(cursor: str, stack: StackDescription, people: People) -> None:
    async with opened(stack) as socket:
        await say(socket, t="hello", token=people[0].token, dev=str(uuid4()), resume=cursor)
        assert (await hear(socket))["resumed"] in ("none", "new")


async def test_anothers_token_cannot_take_over_a_session(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[2]) as socket:
        await say(socket, t="token", token=people[0].token)
        assert await closed(socket) == 4500


async def test_an_oversized_frame_is_closed_before_it_came(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0]) as socket:
        # Only the head of a frame of 1 GiB: a service that believed it would make room, and wait.
        socket.transport.write(b"\x81\xff" + struct.pack("!Q", 1 << 30) + b"mask")
        assert await closed(socket) == 1009


async def test_an_oversized_frame_before_the_hello_is_closed_too(stack: StackDescription) -> None:
    async with opened(stack) as socket:
        socket.transport.write(b"\x81\xff" + struct.pack("!Q", 1 << 30) + b"mask")
        assert await closed(socket) == 1009


async def test_a_message_in_endless_small_parts_is_closed(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0]) as socket:

        async def parts() -> AsyncIterator[str]:
            for _ in range(1000):
                yield "x" * 1000

        with suppress(ConnectionClosed):
            await socket.send(parts())
        assert await closed(socket) == 1009


async def test_compression_is_not_spoken_unless_it_is_on(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0], compression="deflate") as socket:
        assert socket.protocol.extensions == []
        socket.transport.write(_masked(_deflated(b'{"t":"hb"}'), compressed=True))
        assert await closed(socket) == 1002


@pytest.mark.slow
async def test_a_compression_bomb_does_not_unfold(
    stack: StackDescription, people: People, holder: str
) -> None:
    await asyncio.to_thread(restart, stack, holder, {"COMPRESSION": "deflate"})
    try:
        meter = await Meter.of(stack)
        async with welcomed(stack, people[0], compression="deflate") as socket:
            assert socket.protocol.extensions
            before = meter.memory_bytes()[holder]
            bomb = _deflated(b" " * (50 << 20))
            assert len(bomb) < 65_536, "it is small on the wire"
            socket.transport.write(_masked(bomb, compressed=True))
            assert await closed(socket) == 1009
            grown = meter.memory_bytes()[holder] - before
        await meter.close()
        assert grown < 10 << 20
    finally:
        await asyncio.to_thread(restart, stack, holder, {"COMPRESSION": None})


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _masked(payload: bytes, compressed: bool) -> bytes:
    """A whole text frame of a client, masked with zeros."""
    head = bytes([0x81 | (0x40 if compressed else 0)])
    length = len(payload)
    if length < 126:
        return head + bytes([0x80 | length]) + b"\0\0\0\0" + payload
    return head + b"\xfe" + struct.pack("!H", length) + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[]", "null", '{"t":"admin"}', '{"t":"get"}', '{"t":"get","d":"x","after":0}', '{"t":"hello"}',
     '{"t":"get","d":"00000000-0000-0001-0000-000000000002","after":1e400}', "[" * 10_000],
)  # fmt: skip
async def test_malformed_frames_are_closed(frame: str, stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0]) as socket:
        await socket.send(frame)
        assert await closed(socket) == 4502


async def test_a_client_that_talks_without_end_is_closed(stack: StackDescription, people: People) -> None:
    async with welcomed(stack, people[0]) as socket:
        ends = asyncio.create_task(closed(socket))
        for _ in range(1000):
            await say(socket, t="hb", cursor=None)
        assert await ends == 4008


async def test_a_disabled_users_sockets_are_closed(stack: StackDescription, people: People) -> None:
    mallory = people[2]
    async with welcomed(stack, mallory) as socket:
        database = await asyncpg.connect(stack.postgres.dsn)
        await database.execute('UPDATE "user" SET disabled_at = now() WHERE id = $1', mallory.id)
        await database.close()
        assert await closed(socket) == 4506  # at once: tests/websocket_service/test_handshake.py
    async with opened(stack) as socket:
        await say(socket, t="hello", token=mallory.token, dev=str(uuid4()))
        assert await closed(socket) == 4506


async def test_one_user_cannot_hold_every_place(stack: StackDescription, people: People) -> None:
    sockets = []
    codes = []
    try:
        for _ in range(15):
            socket = await connect(
                stack.websockets[0], subprotocols=[PROTOCOL], open_timeout=PATIENCE_SECONDS
            )
            sockets.append(socket)
            await say(socket, t="hello", token=people[2].token, dev=str(uuid4()))
        for socket in sockets:
            try:
                codes.append((await hear(socket))["t"])
            except ConnectionClosed as end:
                codes.append(str(end.rcvd.code if end.rcvd else 1006))
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))
    assert codes.count("welcome") <= 10
    assert codes.count("4504") >= 5


@pytest.mark.slow
async def test_thousands_of_silent_sockets_are_dropped_and_harm_nobody(
    stack: StackDescription, people: People, holder: str
) -> None:
    ann, bob, _ = people
    metrics = f"http://{urlsplit(stack.websockets[0]).netloc}/metrics"
    meter = await Meter.of(stack)

    def held() -> dict[str, float]:
        """What 2,000 would leave behind, counted."""
        page = scrape(metrics)
        return {name: page[name] for name in ("sessions", "asyncio_tasks", "process_open_fds")}

    async with welcomed(stack, bob) as bobs:
        before = held()

        async def slowest_of_ten(words: str) -> float:
            slowest = 0.0
            for number in range(10):
                started = time.perf_counter()
                await asyncio.to_thread(ann.send, bob, f"{words} {number}")
                while not (heard := await hear(bobs)).get("m"):
                    pass
                slowest = max(slowest, time.perf_counter() - started)
                assert heard["m"][0]["c"] == f"{words} {number}"
            return slowest

        alone = await slowest_of_ten("before")
        silent = await _crowd(stack, 2000)
        slowest = await slowest_of_ten("through the crowd")
        codes = await _dropped(silent)
        await eventually(lambda: not_more(held(), before))
        memory, grown = [meter.memory_bytes()[holder]], [2.0**40]
        # The service grows to what the largest crowd needs at once, which is chance; then no more.
        while grown[-1] >= FEW_BYTES and len(memory) <= MOST_CROWDS:
            codes += await _dropped(await _crowd(stack, 2000))
            await eventually(lambda: not_more(held(), before))
            memory.append(meter.memory_bytes()[holder])
            grown.append(memory[-1] - memory[-2])
    await meter.close()
    assert set(codes) == {4501}
    assert slowest < 2 + 10 * alone
    print(f"MiB after each crowd: {', '.join(f'{one / 2**20:.1f}' for one in memory)}")
    assert grown[-1] < FEW_BYTES, "something is kept for those who never said who they are"


def not_more(now: dict[str, float], before: dict[str, float]) -> bool:
    """But for a task or a connection that comes and goes by itself, and this scrape."""
    return all(now[name] <= before[name] + 5 for name in before) and now["sessions"] <= before["sessions"]


async def _crowd(
    stack: StackDescription, count: int
) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    return [
        one
        for _ in range(count // 200)
        for one in await asyncio.gather(*(_silent(stack) for _ in range(200)))
    ]


async def _dropped(silent: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> list[int]:
    """Their close codes, once all of them were closed."""
    codes = await asyncio.gather(*(_read_close(reader) for reader, _ in silent))
    for _, writer in silent:
        writer.close()
    return codes


async def _silent(stack: StackDescription) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket that was accepted and says nothing; by hand, to hold 2,000 of them cheaply."""
    address = urlsplit(stack.websockets[0])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n".encode()
    )
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    return reader, writer


async def _read_close(reader: asyncio.StreamReader) -> int:
    """The code of the close frame."""
    async with asyncio.timeout(HELLO_SECONDS + 30):
        head = await reader.readexactly(4)
    assert head[0] == 0x88
    code: int = struct.unpack("!H", head[2:])[0]
    return code
