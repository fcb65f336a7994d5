"""Coming back: from the ring, from the database, or anew; and never with a hole."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.waiting import eventually
from tests.websocket_service.client import Client
from tests.websocket_service.world import Start, World
from websocket_service import close_codes, cursor
from websocket_service.connection import Connection
from websocket_service.users import RING_EVENTS
from wire.message import dialog_id_of


def count(client: Client) -> int:
    return sum(map(len, client.applied.values()))


async def left(world: World, client: Client) -> None:
    await client.leave()
    await eventually(lambda: not world.service.users.sessions)


async def missed_a_hundred(world: World) -> tuple[Client, str | None]:
    """A device that left before a hundred messages came, and the cursor it left with."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    before = device.cursor
    await left(world, device)
    for _ in range(100):
        await world.send(ann, bob)
    return device, before


async def test_a_short_break_is_filled_from_the_ring_without_a_query(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.send(ann, bob)
    await device.until(lambda: count(device) == 1)
    await left(world, device)
    for _ in range(3):
        await world.send(ann, bob)
    world.service.database.queries["missed_by_users"] = "SELECT 1 / 0"  # whoever asks fails
    assert (await device.connect())["resumed"] == "ring"
    await device.until(lambda: count(device) == 4)
    assert device.frames[-1]["re"] is True
    assert device.frames[-1]["cursor"] == device.cursor


async def test_beyond_the_ring_the_database_answers(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await left(world, device)
    for _ in range(RING_EVENTS + 1):
        await world.send(ann, bob)
    assert (await device.connect())["resumed"] == "db"
    await device.until(lambda: count(device) == RING_EVENTS + 1)


async def test_another_process_goes_on_from_the_database(start: Start):
    first, second = await start(), await start()
    ann, bob = await first.users()
    device = await first.connected(bob)
    await first.send(ann, bob)
    await device.until(lambda: count(device) == 1)
    await first.send(bob, ann)  # heard or not: it must be there in the end
    device.url = second.url
    assert (await device.connect())["resumed"] == "db"
    await device.until(lambda: count(device) == 2)
    await second.send(ann, bob)
    await device.until(lambda: device.applied[dialog_id_of(ann, bob)] == [1, 2, 3])


async def test_a_user_that_was_let_go_is_never_resumed_from_a_ring(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await left(world, device)
    monkeypatch.setattr("websocket_service.users.RING_SECONDS", 0)
    await eventually(lambda: not world.service.users.users)
    await world.send(ann, bob)  # nobody of the service hears it
    other = await world.connected(bob)
    await world.send(ann, bob)
    await other.until(lambda: other.frames[-1]["t"] == "batch")
    assert (await device.connect())["resumed"] == "db"
    await device.until(lambda: count(device) == 2)


async def test_the_cursor_stays_until_the_replay_is_written(world: World):
    """I3: a socket that breaks during the replay must not have moved the cursor."""
    device, before = await missed_a_hundred(world)
    welcome = await device.connect()
    assert welcome["cursor"] == before
    await device.until(lambda: count(device) == 100)
    batches = [frame for frame in device.frames if frame["t"] == "batch"]
    assert [frame.get("cursor") is None for frame in batches] == [True, False]


async def test_a_heartbeat_during_the_replay_gives_the_cursor_of_before(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    """I3: what is not written yet is not counted, by whatever frame comes between."""
    world = await start(heartbeat_seconds=0.1)
    device, before = await missed_a_hundred(world)
    reads = asyncio.Event()

    async def caught_up(_connection: Connection) -> None:
        await reads.wait()

    monkeypatch.setattr(Connection, "caught_up", caught_up)
    device.frames.clear()
    await device.connect()
    await device.until(lambda: device.frames[-1]["t"] == "hb")
    assert (count(device), device.cursor) == (64, before)
    reads.set()
    await device.until(lambda: count(device) == 100 and device.frames[-1].get("cursor") not in (None, before))


async def test_the_cursor_never_runs_ahead_of_the_socket(world: World):
    """I3: with each cursor that a live stream gives, nothing after it is missing on the next socket."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    for number in range(100):
        await world.send(ann, bob, str(number))
        await asyncio.sleep(0)
    await device.until(lambda: count(device) == 100)
    seen = 0
    for frame in [frame for frame in device.frames if frame["t"] == "batch"]:
        seen += len(frame["m"])
        if "cursor" in frame:
            again = world.client(bob, last=seen, cursor=frame["cursor"])
            assert (await again.connect())["resumed"] == "ring"
            await again.until(lambda again=again, seen=seen: count(again) == 100 - seen)
            assert again.known == 0


async def test_messages_between_the_resume_query_and_the_welcome_are_not_lost(world: World):
    """I2: the session buffers before its query runs."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    await left(world, device)
    world.service.users.epoch = b"restarted"[:8]  # so that the database is asked
    await world.store(ann, bob, "while away")
    ask = world.service.database.messages

    async def slow(name: str, *values: Any) -> Any:
        rows = await ask(name, *values)
        if name == "missed_by_users":
            await world.send(ann, bob, "after the query")
            await asyncio.sleep(0.05)
        return rows

    world.service.database.messages = slow  # type: ignore[method-assign]
    assert (await device.connect())["resumed"] == "db"
    await device.until(lambda: count(device) == 2, seconds=20)  # sweeps are rarer
    dialog = dialog_id_of(ann, bob)
    assert [device.contents[dialog, seq] for seq in (1, 2)] == ["while away", "after the query"]
    assert world.service.metrics.gets == 0


async def test_messages_while_the_binding_is_made_are_not_lost(world: World):
    """I2: what is stored before the binding holds is found by the query behind it."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    cursor_before = device.cursor
    await left(world, device)
    world.service.users.users.clear()
    consumer = world.service.consumer
    await consumer.unbind(bob)
    bind = consumer.bind

    async def slow(user_id: int) -> None:
        await world.send(ann, bob, "before the binding")
        await bind(user_id)

    consumer.bind = slow  # type: ignore[method-assign]
    device.cursor = cursor_before
    assert (await device.connect())["resumed"] == "db"
    await device.until(lambda: count(device) == 1, seconds=20)  # sweeps are rarer


async def test_many_that_come_back_at_once_are_few_queries(start: Start):
    first, second = await start(), await start()
    ann, *others = await first.users(31)
    devices = [await first.connected(user) for user in others]
    for user in others:
        await first.store(ann, user)
    asked: list[int] = []  # users of each query
    fetch = second.service.database.fetch

    async def counted(name: str, *values: Any) -> Any:
        if name == "missed_by_users":
            asked.append(len(values[0]))
            if len(asked) == 1:  # it takes until the others have come
                await eventually(lambda: len(second.service.resume._waiting) == 30 - asked[0])
        return await fetch(name, *values)

    second.service.database.fetch = counted  # type: ignore[method-assign]
    for device in devices:
        device.url = second.url
    await asyncio.gather(*(device.connect() for device in devices))
    for device in devices:
        await device.until(lambda device=device: count(device) == 1)
    assert sum(asked) == 30
    assert len(asked) <= 2


async def test_too_much_to_replay_is_none(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("websocket_service.resume.MESSAGES_AT_ONCE", 5)
    ann, bob, eve = await world.users(3)
    busy, quiet = await world.connected(bob), await world.connected(eve)
    for client in (busy, quiet):
        await client.leave()
    world.service.users.epoch = b"restarted"[:8]
    for _ in range(6):
        await world.store(ann, bob)
    await world.store(ann, eve)
    welcomes = await asyncio.gather(busy.connect(), quiet.connect())
    assert [welcome["resumed"] for welcome in welcomes] == ["none", "db"]
    await quiet.until(lambda: count(quiet) == 1)


@pytest.mark.parametrize("text", ["", "nonsense", "é", "A" * 43, "A" * 5000, "=" * 44])
async def test_a_cursor_that_is_none_of_ours_starts_anew(world: World, text: str):
    ann, bob = await world.users()
    device = world.client(bob, cursor=text)
    assert (await device.connect())["resumed"] == ("none" if text else "new")
    await world.send(ann, bob)
    await device.until(lambda: count(device) == 1)


async def test_a_cursor_of_yesterday_is_none(world: World):
    _, bob = await world.users()
    device = await world.connected(bob)
    assert device.cursor is not None
    old = cursor.parse(device.cursor)
    assert old is not None
    device.cursor = replace(old, time=old.time - 90_000, service=bytes(8)).text()
    assert (await device.connect())["resumed"] == "none"


async def test_another_history_of_the_database_is_none(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.database.execute("UPDATE database_epoch SET epoch = gen_random_uuid()")
    await world.service.sweep.sweep()
    assert await device.closed() == close_codes.POSITION_LOST
    assert (await device.connect())["resumed"] == "none"
    await world.send(ann, bob)
    await device.until(lambda: count(device) == 1)


async def test_without_a_database_nobody_is_welcomed_with_a_hole(world: World):
    _, bob = await world.users()
    device = await world.connected(bob)
    await left(world, device)
    world.service.users.epoch = b"restarted"[:8]
    world.service.database.queries["missed_by_users"] = "SELECT 1 / 0"
    with pytest.raises(ConnectionClosed):
        await device.connect()
    assert device.close_code == close_codes.POSITION_LOST
