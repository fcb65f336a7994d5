"""The closed loop: what it counts is what the server answered."""

import asyncio

import pytest

from lab.bench import closed_loop

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


async def serve(answer: bytes, pieces: int = 1) -> tuple[asyncio.Server, str, list[int]]:
    seen = [0]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                seen[0] += 1
                size = -(-len(answer) // pieces)
                for at in range(0, len(answer), size):
                    writer.write(answer[at : at + size])
                    await writer.drain()
                    await asyncio.sleep(0)
                if not answer:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


@pytest.mark.parametrize("pieces", [1, 7])
async def test_every_answer_is_counted_once_by_its_status(pieces: int):
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"
    server, url, seen = await serve(answer, pieces)
    async with server:
        tally = await closed_loop.run(url, lambda: REQUEST, 3, 1.0)
    assert tally.statuses == {201: seen[0]}
    assert tally.answered == seen[0] >= 3
    assert tally.seconds >= 1.0
    assert all(0 < latency < tally.seconds for latency in tally.latencies)


async def test_a_server_that_hangs_up_is_an_error():
    server, url, _ = await serve(b"")
    async with server:
        with pytest.raises(ConnectionError):
            await closed_loop.run(url, lambda: REQUEST, 1, 0.2)
