"""The generator's HTTP client against a raw server that answers, stalls, breaks and talks nonsense."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from lab.load.http_client import NO_CONNECTION, NO_SENSE, Exchange, Target

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Reply = Callable[
    [int, int], bytes | None
]  # (connection, request on it) -> answer, None: break the connection


@asynccontextmanager
async def serving(reply: Reply, most: int = 4) -> AsyncIterator[tuple[Target, list[int]]]:
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections)
        connections.append(0)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                connections[number] += 1
                answer = reply(number, connections[number])
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    target = Target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", most)
    try:
        yield target, connections
    finally:
        target.close()
        server.close()


async def ask(target: Target) -> Exchange:
    done: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    target.submit(Exchange(REQUEST, done.set_result))
    async with asyncio.timeout(60):
        return await done


def answer(status: int = 200, body: bytes = b"{}", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n%b" % (status, more, len(body), body)


async def test_answers_come_with_status_body_and_times():
    async with serving(lambda _, n: answer(201, b"%d" % n)) as (target, connections):
        before = time.monotonic()
        first, second = await ask(target), await ask(target)
        assert (first.status, first.body, second.body) == (201, b"1", b"2")
        assert before <= first.sent <= first.answered <= second.sent <= second.answered
        assert connections == [2], "the connection is kept"


async def test_chunked_body_is_read_whole():
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with serving(lambda *_: chunked) as (target, _):
        assert (await ask(target)).body == b"abcde"


async def test_header_that_reads_must_give_back_is_kept():
    async with serving(lambda *_: answer(more=b"x-wrote-at: 12.5\r\n")) as (target, _):
        assert (await ask(target)).wrote_at == b"12.5"


async def test_concurrent_requests_open_connections_up_to_the_limit():
    async with serving(lambda *_: answer(), most=3) as (target, connections):
        found = await asyncio.gather(*(ask(target) for _ in range(20)))
        assert [one.status for one in found] == [200] * 20
        assert len(connections) <= 3 and sum(connections) == 20


async def test_kept_connection_that_the_server_closed_is_replaced_once():
    async with serving(lambda connection, n: None if (connection, n) == (0, 2) else answer()) as (
        target,
        seen,
    ):
        assert (await ask(target)).status == 200
        assert (await ask(target)).status == 200
        assert seen == [2, 1]


async def test_connection_that_is_made_as_its_time_ends_is_given_up(monkeypatch):
    """uvloop closes it without a word to its protocol; a request on it would never end."""

    async def late(protocol: Callable[[], asyncio.Protocol], *_: object, **__: object) -> None:
        protocol().connection_made(asyncio.Transport())
        raise TimeoutError

    monkeypatch.setattr(asyncio.Transport, "write", lambda *_: None)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", late)
    target = Target("http://127.0.0.1:1", 2)
    assert (await ask(target)).status == NO_CONNECTION
    await target.warm(1)
    assert (await ask(target)).status == NO_CONNECTION


async def test_fresh_connection_that_breaks_is_an_error():
    async with serving(lambda *_: None) as (target, seen):
        assert (await ask(target)).status == NO_CONNECTION
        assert seen == [1]


async def test_answer_that_breaks_off_is_an_error():
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf"

    def reply(_: int, number: int) -> bytes | None:
        return half if number == 1 else None

    async with serving(reply) as (target, seen):
        waiting = asyncio.create_task(ask(target))
        async with asyncio.timeout(60):
            while seen != [1]:  # noqa: ASYNC110  # what is waited for is data
                await asyncio.sleep(0.005)
        target.close()
        assert (await waiting).status == NO_CONNECTION


async def test_nonsense_is_an_error_and_ends_the_connection():
    async with serving(lambda n, _: b"SMTP ready\r\n\r\n" if n == 0 else answer()) as (target, seen):
        assert (await ask(target)).status == NO_SENSE
        assert (await ask(target)).status == 200
        assert len(seen) == 2


async def test_connection_is_not_used_again_after_connection_close():
    async with serving(lambda *_: answer(more=b"connection: close\r\n")) as (target, seen):
        for _ in range(3):
            assert (await ask(target)).status == 200
        assert len(seen) == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "unix:/nowhere/at/all"])
async def test_nobody_listening_is_an_error(url):
    target = Target(url, 2)
    found = await asyncio.gather(*(ask(target) for _ in range(5)))
    assert [one.status for one in found] == [NO_CONNECTION] * 5


async def test_unix_socket_is_a_target(tmp_path):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(204, b""))

    async with await asyncio.start_unix_server(handle, tmp_path / "s"):
        target = Target(f"unix:{tmp_path / 's'}", 2)
        assert (await ask(target)).status == 204
        target.close()
