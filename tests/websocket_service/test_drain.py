"""Leaving: clients are told, move, and miss nothing."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from tests.waiting import eventually, within
from tests.websocket_service.client import Client
from tests.websocket_service.world import Start, World, running
from websocket_service import close_codes
from websocket_service.drain import drain
from wire.message import dialog_id_of

LONG_SECONDS = 30  # the longest drain that can be set: those who do not move stay for 21 of them
SOON_SECONDS = 15


async def closed_without_a_word(client: Client) -> int | None:
    """The code with which a socket is closed that was never welcomed."""
    assert client.socket is not None
    with pytest.raises(ConnectionClosed):
        await client.socket.recv()
    return client.socket.close_code


async def test_clients_are_told_to_move_at_times_that_are_spread(start: Start):
    world = await start(ws_drain_seconds=2)
    clients = [await world.connected(user) for user in range(1, 21)]
    world.stop.set()
    for client in clients:
        await client.until(lambda client=client: client.frames[-1]["t"] == "bye")
    byes = [client.frames[-1] for client in clients]
    assert {bye["why"] for bye in byes} == {"drain"}
    after = [bye["after"] for bye in byes]
    assert min(after) >= 400 and max(after) <= 1200  # not before a proxy has seen that we go
    assert max(after) - min(after) > 200


async def test_who_does_not_move_is_closed_with_4001_within_the_time(start: Start):
    world = await start(ws_drain_seconds=1)
    clients = [await world.connected(user) for user in range(1, 26)]
    world.stop.set()
    async with within(3):
        assert {await client.closed() for client in clients} == {close_codes.DRAIN}


async def test_it_ends_as_soon_as_everybody_has_moved(database: str):
    async with running(database, ws_drain_seconds=LONG_SECONDS) as world:
        client = await world.connected(1)
        world.stop.set()
        await client.until(lambda: client.frames[-1]["t"] == "bye")
        await client.leave()
        await asyncio.wait_for(asyncio.shield(world.serving), SOON_SECONDS)


async def test_a_draining_service_is_not_ready_and_sends_newcomers_on(start: Start):
    world = await start(ws_drain_seconds=LONG_SECONDS)
    await world.connected(1)
    world.stop.set()
    await eventually(lambda: world.service.health.not_ready == "draining")
    newcomer = world.client(2)
    await newcomer.open()
    assert await closed_without_a_word(newcomer) == close_codes.DRAIN
    await world.clients[0].leave()


async def test_who_is_not_welcomed_yet_is_sent_on_without_a_word(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    world = await start(ws_drain_seconds=LONG_SECONDS)
    resuming = asyncio.Event()

    async def begin(*_: object) -> None:
        resuming.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(world.service.resume, "begin", begin)
    client = world.client(1)
    connecting = asyncio.create_task(client.connect())
    await resuming.wait()
    world.stop.set()
    with pytest.raises(ConnectionClosed):
        await connecting
    assert (client.frames, client.close_code) == ([], close_codes.DRAIN)


async def test_who_says_hello_after_it_began_is_sent_on(start: Start):
    world = await start(ws_drain_seconds=LONG_SECONDS)
    stays, late = await world.connected(1), world.client(2)
    await late.open()
    world.stop.set()
    await stays.until(lambda: stays.frames[-1]["t"] == "bye")
    await late.say(t="hello", token=late.token, dev=str(late.device))
    assert await closed_without_a_word(late) == close_codes.DRAIN
    await stays.leave()


async def test_who_has_not_said_hello_when_it_ends_is_sent_on(database: str):
    async with running(database) as world:
        silent = world.client(1)
        await silent.open()
        world.stop.set()
        assert await closed_without_a_word(silent) == close_codes.DRAIN


async def test_make_before_break_loses_nothing(start: Start):
    """The new socket is welcomed by another process before the old one closes."""
    old, new = await start(), await start()
    ann, bob = await old.users()
    device = await old.connected(bob)

    async def send() -> None:
        message = await old.send(ann, bob)
        await new.publisher.publish([message])

    await send()
    draining = asyncio.create_task(drain(old.service.users, LONG_SECONDS))
    await device.until(lambda: device.frames[-1]["t"] == "bye")
    await send()
    await device.until(lambda: len(device.applied[dialog_id_of(ann, bob)]) == 2)
    second = new.client(bob, device=device.device, cursor=device.cursor, last=2)
    await send()
    await second.connect()
    await send()
    await second.until(lambda: second.applied[dialog_id_of(ann, bob)] == [3, 4])
    await device.leave()
    await draining


async def test_a_service_without_clients_ends_at_once(world: World):
    await asyncio.wait_for(drain(world.service.users, LONG_SECONDS), SOON_SECONDS)


async def test_the_next_process_need_not_repeat_what_was_swept(start: Start, monkeypatch: pytest.MonkeyPatch):
    """A cursor is as old as the last sweep; a drain sweeps first."""
    for place in ("sweep", "users"):
        monkeypatch.setattr(f"websocket_service.{place}.LATE_COMMIT_SECONDS", 0.2)
    monkeypatch.setattr("websocket_service.database.LATE_COMMIT_SECONDS", 0.2)
    monkeypatch.setattr("websocket_service.sweep.ON_ITS_WAY_SECONDS", 0.1)
    old, new = await start(ws_drain_seconds=LONG_SECONDS), await start()
    ann, bob = await old.users()
    device = await old.connected(bob)
    for _ in range(30):
        await old.send(ann, bob)
    await device.until(lambda: len(device.applied[dialog_id_of(ann, bob)]) == 30)
    await asyncio.sleep(0.5)
    old.stop.set()
    await device.until(lambda: device.frames[-1]["t"] == "bye")
    second = new.client(bob, cursor=device.cursor, last=30)
    assert (await second.connect())["resumed"] == "db"
    await new.send(ann, bob)
    await second.until(lambda: second.applied[dialog_id_of(ann, bob)] == [31])
    assert second.known == 0
    await device.leave()
