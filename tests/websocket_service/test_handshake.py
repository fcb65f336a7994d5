"""Who is let in, and the code with which the others are closed."""

import asyncio
import contextlib
import json
import time
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.waiting import PATIENCE_SECONDS, eventually, within
from tests.websocket_service.client import Client
from tests.websocket_service.world import SECRET, Start, World
from websocket_service import close_codes
from websocket_service.handshake import origin_allowed
from wire.tokens import Tokens


async def code_of(client: Client, seconds: float = PATIENCE_SECONDS) -> int | None:
    """How the service closes this socket."""
    assert client.socket is not None
    async with asyncio.timeout(seconds):
        try:
            while True:
                await client.hear()
        except ConnectionClosed:
            return client.socket.close_code


def hello(token: str, **more: Any) -> dict[str, Any]:
    return {"t": "hello", "token": token, "dev": str(uuid4()), "resume": None, **more}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "é",
        Tokens("another secret of 32 characters or more").make(1, 86_400),
        Tokens(SECRET).make(1, 86_400, kind="refresh"),
    ],
)
async def test_a_bad_token_is_4500(world: World, token: str):
    client = world.client(1)
    await client.open()
    await client.say(**hello(token))
    assert await code_of(client) == close_codes.BAD_TOKEN


async def test_an_expired_token_is_4005_so_that_the_client_gets_another(world: World):
    client = world.client(1)
    await client.open()
    await client.say(**hello(world.tokens.make(1, 5, now=time.time() - 10)))
    assert await code_of(client) == close_codes.TOKEN_EXPIRED


async def test_without_a_hello_the_socket_is_closed_in_time(start: Start):
    world = await start(hello_seconds=0.3)
    client = world.client(1)
    await client.open()
    async with within(2):
        assert await code_of(client) == close_codes.NO_HELLO
    await eventually(lambda: world.service.sockets.open == 0)


async def test_a_connection_that_never_asks_for_a_socket_is_dropped(world: World):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.service.port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\n")  # and nothing more
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("protocols", [[], ["dialog.v2.json"], ["chat"]])
async def test_another_version_is_4505_and_the_client_hears_it(world: World, protocols: list[str]):
    client = world.client(1)
    await client.open(subprotocols=protocols or None)
    assert await code_of(client) == close_codes.VERSION


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example:80", "x"])
async def test_a_page_of_another_origin_is_4503(world: World, origin: str):
    client = world.client(1)
    await client.open(origin=origin)
    assert await code_of(client) == close_codes.ORIGIN


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "answer"),
    [
        (None, "lab.example", (), True),
        ("http://lab.example", "lab.example", (), True),
        ("https://lab.example:8443", "lab.example:8443", (), True),
        ("http://lab.example:1", "lab.example:2", (), False),
        ("http://localhost:8000", "127.0.0.1:8100", ("http://localhost:*",), True),
        ("https://localhost:8000", "127.0.0.1:8100", ("http://localhost:*",), False),
        ("http://other", "x", ("http://other",), True),
        ("http://other:8", "x", ("http://other",), False),
        ("http://a:99999", "x", ("http://a:*",), False),
        ("null", "null", (), False),
        ("http://[::1", "x", (), False),
    ],
)
def test_origins(origin: str | None, host: str, allowed: tuple[str, ...], answer: bool):
    assert origin_allowed(origin, host, allowed) is answer


async def test_a_page_of_this_machine_is_let_in(world: World):
    client = world.client(1)
    await client.open(origin="http://localhost:8000")
    await client.say(**hello(client.token))
    assert (await client.hear())["resumed"] == "new"


MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "1e999",
    '"hello"',
    '{"t":"nothing"}',
    '{"t":1}',
    '{"no":"t"}',
    '{"t":"hello"}',
    '{"t":"hello","token":1,"dev":"x"}',
    '{"t":"hello","token":"x","dev":"not a uuid"}',
    '{"t":"get","d":"x","after":0}',
    '{"t":"get","d":"00000000-0000-0001-0000-000000000002","after":1.5}',
    "[" * 10_000,
    b"\x81\xa1t\xa5hello",
]


@pytest.mark.parametrize("frame", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("welcomed", [False, True], ids=["first", "later"])
async def test_a_malformed_frame_is_4502(world: World, frame: str | bytes, welcomed: bool):
    client = world.client(1)
    await client.open()
    assert client.socket is not None
    if welcomed:
        await client.say(**hello(client.token))
        await client.hear()
    await client.socket.send(frame)
    assert await code_of(client) == close_codes.MALFORMED


async def test_text_on_a_binary_socket_is_4502(world: World):
    client = world.client(1, encoding="msgpack")
    await client.open()
    assert client.socket is not None
    await client.socket.send(json.dumps(hello(client.token)))
    assert await code_of(client) == close_codes.MALFORMED


async def test_another_frame_than_hello_first_is_4501(world: World):
    client = world.client(1)
    await client.open()
    await client.say(t="hb", cursor=None)
    assert await code_of(client) == close_codes.NO_HELLO


async def test_a_second_hello_is_4502(world: World):
    client = world.client(1)
    await client.open()
    for _ in range(2):
        await client.say(**hello(client.token))
    assert await code_of(client) == close_codes.MALFORMED


async def test_a_negative_place_is_4502(world: World):
    client = world.client(1)
    await client.open()
    await client.say(**hello(client.token))
    await client.say(t="get", d="00000000-0000-0001-0000-000000000002", after=-1)
    assert await code_of(client) == close_codes.MALFORMED


async def test_a_frame_beyond_the_maximum_is_1009(world: World):
    client = world.client(1)
    await client.open()
    assert client.socket is not None
    await client.socket.send("x" * 70_000)
    assert await code_of(client) == 1009


async def test_many_fragments_do_not_get_around_the_maximum(world: World):
    client = world.client(1)
    await client.open()
    socket = client.socket
    assert socket is not None
    socket.transport.write(Frame(Opcode.TEXT, b"x" * 1000, fin=False).serialize(mask=True))
    for _ in range(70):
        socket.transport.write(Frame(Opcode.CONT, b"x" * 1000, fin=False).serialize(mask=True))
    assert await code_of(client) == 1009


async def test_a_compression_bomb_is_1009(start: Start):
    world = await start(compression="deflate")
    client = world.client(1)
    await client.open(compression="deflate")
    socket = client.socket
    assert socket is not None and socket.response is not None
    assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = deflate.compress(b"0" * 40_000_000) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 65_536
    frame = bytearray(Frame(Opcode.TEXT, bomb[:-4]).serialize(mask=True))
    frame[0] |= 0x40  # compressed
    socket.transport.write(bytes(frame))
    assert await code_of(client) == 1009


async def test_compression_is_refused_unless_set(world: World):
    client = world.client(1)
    await client.open(compression="deflate")
    assert client.socket is not None and client.socket.response is not None
    assert "Sec-WebSocket-Extensions" not in client.socket.response.headers


async def test_more_devices_than_allowed_is_4504_and_the_others_stay(start: Start):
    world = await start(ws_max_devices=2)
    first = [await world.connected(1) for _ in range(2)]
    third = world.client(1)
    with pytest.raises(ConnectionClosed):
        await third.connect()
    assert third.close_code == close_codes.TOO_MANY_DEVICES
    assert [client.close_code for client in first] == [None, None]
    assert (await world.connected(2)).close_code is None


async def test_a_device_has_two_sockets_while_it_moves_and_never_three(world: World):
    device = uuid4()
    first, second = [await world.connected(1, device=device) for _ in range(2)]
    assert first.close_code is None
    third = await world.connected(1, device=device)
    assert await first.closed() == close_codes.NO_HEARTBEAT
    assert (second.close_code, third.close_code) == (None, None)


async def test_more_sockets_than_allowed_is_4006(start: Start):
    world = await start(ws_max_sockets=2)
    for user in (1, 2):
        await world.connected(user)
    client = world.client(3)
    await client.open()
    assert await code_of(client) == close_codes.NODE_FULL


async def test_a_disabled_user_is_4506_at_once_and_at_the_door(world: World, monkeypatch: pytest.MonkeyPatch):
    ann, bob = await world.users()
    device, other = await world.connected(ann), await world.connected(bob)
    polls = 0
    refresh = world.service.revocation.refresh

    async def counted() -> None:
        nonlocal polls
        await refresh()
        polls += 1

    await world.database.execute('UPDATE "user" SET disabled_at = now() WHERE id = $1', ann)
    monkeypatch.setattr(world.service.revocation, "refresh", counted)
    await eventually(lambda: polls)
    (left,) = world.service.users.sessions
    assert left.user.id == bob, "the first look at the list ended the other"
    assert await device.closed() == close_codes.REVOKED
    assert other.close_code is None
    again = world.client(ann)
    with pytest.raises(ConnectionClosed):
        await again.connect()
    assert again.close_code == close_codes.REVOKED


async def test_too_many_frames_is_4008(world: World):
    client = world.client(1)
    await client.open()
    await client.say(**hello(client.token))
    with contextlib.suppress(ConnectionClosed):
        for _ in range(2000):
            await client.say(t="hb", cursor=None)
    assert await code_of(client) == close_codes.RATE_LIMITED


async def test_the_user_in_the_address_is_not_trusted(world: World):
    ann, bob = await world.users()
    spy = world.client(bob)
    spy.url += f"?u={ann}"
    await spy.connect()
    assert list(world.service.users.users) == [bob]


async def test_random_bytes_never_end_the_service(world: World):
    import random

    chance = random.Random(4)
    for _ in range(40):
        client = world.client(1)
        await client.open()
        assert client.socket is not None
        client.socket.transport.write(chance.randbytes(chance.randint(1, 200)))
        client.socket.transport.abort()
    await eventually(lambda: world.service.sockets.open == 0)
    assert (await world.connected(1)).close_code is None


def test_frames_take_what_clients_send():
    """Fields of later versions are let pass."""
    from websocket_service.frames import PROTOCOLS, Hello, decode

    data = msgspec.json.encode({**hello("x"), "later": [1]}).decode()
    assert isinstance(decode(PROTOCOLS["dialog.v1.json"], data), Hello)


async def test_it_listens_on_a_unix_socket_too_if_asked(start: Start, tmp_path: Path):
    place = tmp_path / "ws.sock"
    place.touch()  # left by a process that was killed
    world = await start(ws_socket=str(place))
    assert place.stat().st_mode & 0o777 == 0o666
    over_tcp = await world.connected(1)
    over_unix = world.client(1)
    over_unix.url = "ws://localhost/ws"
    await over_unix.open(unix=True, path=str(place))
    await over_unix.say(**hello(over_unix.token))
    assert (await over_unix.hear())["t"] == "welcome"
    assert over_tcp.close_code is None
    world.stop.set()
    await eventually(lambda: not place.exists())
