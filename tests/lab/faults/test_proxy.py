"""The proxy passes bytes unchanged, and does each of its mischiefs so that both sides see the right thing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lab.faults.proxy import Proxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(("127.0.0.1", server.sockets[0].getsockname()[1]))
    await proxy.start()
    yield proxy
    await proxy.close()
    server.close()


async def said_back(reader, writer, words=b"hello", seconds=30.0):
    writer.write(words)
    async with asyncio.timeout(seconds):
        return await reader.readexactly(len(words))


async def test_bytes_pass_unchanged_and_in_order(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    words = bytes(range(256)) * 2000
    assert await said_back(reader, writer, words) == words
    writer.close()


async def test_a_reset_is_seen_as_a_reset_and_the_next_connection_passes(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await said_back(reader, writer)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await said_back(reader, writer)
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await said_back(reader, writer) == b"hello"
    writer.close()


async def test_refusing_resets_new_connections_until_healed(proxy):
    proxy.refuse()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await said_back(reader, writer)
    proxy.heal()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await said_back(reader, writer) == b"hello"
    writer.close()


async def test_a_stalled_connection_stays_open_and_goes_on_where_it_stood(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await said_back(reader, writer)
    proxy.stall()
    with pytest.raises(TimeoutError):
        await said_back(reader, writer, b"late", seconds=0.1)
    proxy.heal()
    assert await asyncio.wait_for(reader.readexactly(4), 30) == b"late"
    writer.close()


async def test_a_half_open_connection_ends_for_the_server_only_and_new_ones_pass(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await said_back(reader, writer)
    proxy.half_open()
    with pytest.raises(TimeoutError):
        await said_back(reader, writer, seconds=0.1)
    another_reader, another = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await said_back(another_reader, another) == b"hello"
    another.close()
    proxy.heal()
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_of_two_connections_one_can_be_made_late_until_healed(proxy):
    pairs = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(2)]
    for one in pairs:
        await said_back(*one)
    proxy.delay_half(600)
    with pytest.raises(TimeoutError):
        await said_back(*pairs[0], seconds=0.1)
    assert await said_back(*pairs[1]) == b"hello"
    proxy.heal()
    await proxy.close()
    for _, writer in pairs:
        writer.close()


async def test_closing_ends_stalled_and_half_open_connections_too(proxy):
    writers = [(await asyncio.open_connection("127.0.0.1", proxy.port))[1] for _ in range(3)]
    proxy.half_open()
    proxy.stall()
    await asyncio.wait_for(proxy.close(), 30)
    assert proxy.open_connections == 0
    for writer in writers:
        writer.close()


async def test_closing_leaves_no_connection(proxy):
    writers = [(await asyncio.open_connection("127.0.0.1", proxy.port))[1] for _ in range(5)]
    await proxy.close()
    assert proxy.open_connections == 0
    for writer in writers:
        writer.close()
