"""From a hint to the devices of both users."""

import asyncio

import pytest

from tests.waiting import eventually
from tests.websocket_service.world import Start, World
from wire.message import HOPS, dialog_id_of


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("compression", ["off", "deflate"])
async def test_every_device_of_both_users_gets_each_message_once(
    start: Start, encoding: str, compression: str
):
    world = await start(compression=compression)
    ann, bob, eve = await world.users(3)
    own = {"encoding": encoding, "compression": "deflate"}  # every browser offers it
    devices = [await world.connected(user, **own) for user in (ann, ann, bob, bob)]
    for device in devices:
        assert device.socket is not None
        agreed = [extension.name for extension in device.socket.protocol.extensions]
        assert agreed == (["permessage-deflate"] if compression == "deflate" else [])
    stranger = await world.connected(eve)
    for number in range(5):
        await world.send(ann, bob, f"message {number} é ☃")
    dialog = dialog_id_of(ann, bob)
    for device in devices:
        await device.until(lambda device=device: len(device.applied[dialog]) == 5)
        assert device.applied[dialog] == [1, 2, 3, 4, 5]
        assert device.contents[dialog, 3] == "message 2 é ☃"
        assert device.known == 0
    assert stranger.applied == {}


async def test_what_arrives_together_is_one_batch(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    hints = [await world.store(ann, bob) for _ in range(70)]
    await world.publisher.publish(hints)
    await device.until(lambda: sum(map(len, device.applied.values())) == 70)
    batches = [frame for frame in device.frames if frame["t"] == "batch"]
    assert [len(frame["m"]) for frame in batches] == [64, 6]
    assert batches[0]["n"] + 6 == batches[1]["n"]


async def test_debounce_writes_the_first_at_once_and_joins_what_comes_within_the_interval(start: Start):
    world = await start(debounce_seconds=2)
    ann, bob = await world.users()
    device = await world.connected(bob)
    first, *others = [await world.store(ann, bob) for _ in range(4)]
    await world.publisher.publish([first])
    await device.until(lambda: sum(map(len, device.applied.values())) == 1)
    for hint in others:
        await world.publisher.publish([hint])
        await asyncio.sleep(0.01)
    await device.until(lambda: sum(map(len, device.applied.values())) == 4)
    assert [len(frame["m"]) for frame in device.frames if frame["t"] == "batch"] == [1, 3]


async def test_debounce_writes_one_frame_an_interval_and_keeps_the_last_message(start: Start):
    world = await start(debounce_seconds=0.1)
    ann, bob = await world.users()
    device = await world.connected(bob)
    loop = asyncio.get_running_loop()
    began = loop.time()
    hints = [await world.store(ann, bob) for _ in range(300)]
    for hint in hints:
        await world.publisher.publish([hint])
        await asyncio.sleep(0.002)
    await device.until(lambda: device.applied[hints[0].dialog_id] == list(range(1, 301)))
    frames = sum(frame["t"] == "batch" for frame in device.frames)
    assert frames <= (loop.time() - began) / 0.1 + 1


async def test_a_repeated_hint_is_not_sent_again(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    message = await world.send(ann, bob)
    await world.publisher.publish([message, message])
    await world.send(ann, bob)
    await device.until(lambda: device.applied[message.dialog_id] == [1, 2])
    assert device.known == 0
    assert world.service.metrics.hints["duplicate"] == 2


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_hop_times_come_in_order(world: World, encoding: str):
    ann, bob = await world.users()
    devices = [await world.connected(bob, encoding=encoding) for _ in range(2)]
    message = await world.store(ann, bob)
    message.way = [message.created_at - 0.001, message.created_at, message.created_at]
    await world.publisher.publish([message])
    for device in devices:
        await device.until(lambda device=device: device.applied[message.dialog_id] == [1])
        way = device.frames[-1]["m"][0]["w"]
        assert len(way) == len(HOPS)
        assert way == sorted(way)


async def test_a_hint_without_content_is_completed_from_the_database(start: Start):
    world = await start(payload="notify")
    ann, bob = await world.users()
    device = await world.connected(bob)
    hints = [await world.store(ann, bob, f"text {number}") for number in range(3)]
    for hint in hints:
        hint.content = ""
    await world.publisher.publish(hints)
    dialog = dialog_id_of(ann, bob)
    await device.until(lambda: device.applied[dialog] == [1, 2, 3])
    assert [device.contents[dialog, seq] for seq in (1, 2, 3)] == ["text 0", "text 1", "text 2"]
    assert 1 <= world.service.metrics.refetches <= 3  # hints that came together are one query


async def test_a_gap_is_answered_with_what_is_missing(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.store(ann, bob)
    await world.send(ann, bob)
    await device.until(
        lambda: device.applied[dialog_id_of(ann, bob)] == [1, 2], seconds=20
    )  # sweeps are rarer
    assert world.service.metrics.gets == 1


async def test_nobody_reads_the_dialog_of_others(world: World):
    ann, bob, eve = await world.users(3)
    await world.store(ann, bob)
    spy = await world.connected(eve)
    await spy.say(t="get", d=str(dialog_id_of(ann, bob)), after=0, limit=10)
    await spy.until(lambda: spy.frames[-1]["t"] == "err")
    assert spy.frames[-1] == {"t": "err", "code": "not_your_dialog"}


async def test_a_user_that_left_is_unbound_later(world: World, monkeypatch: pytest.MonkeyPatch):
    ann, _ = await world.users()
    device = await world.connected(ann)
    assert len(world.service.users.users) == 1
    await device.leave()
    await eventually(lambda: not world.service.users.sessions)
    assert len(world.service.users.users) == 1
    monkeypatch.setattr("websocket_service.users.RING_SECONDS", 0)
    await eventually(lambda: not world.service.users.users)


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", 5), ("INFO", 0)])
async def test_a_hint_is_a_line_of_the_log_at_debug_only(world: World, caplog, level: str, lines: int):
    caplog.set_level(level)
    ann, bob = await world.users()
    device = await world.connected(bob)
    for _ in range(5):
        await world.send(ann, bob)
    await device.until(lambda: sum(map(len, device.applied.values())) == 5)
    assert sum("heard of: new" in record.message for record in caplog.records) == lines


@pytest.mark.parametrize("compression", ["off", "deflate"])
async def test_the_bytes_of_each_frame_are_counted_as_they_leave(start: Start, compression: str):
    world = await start(compression=compression)
    ann, bob = await world.users()
    device = await world.connected(bob, compression="deflate")
    before = world.service.metrics.bytes_written
    await world.send(ann, bob, "x" * 3_000)
    await device.until(lambda: sum(map(len, device.applied.values())) == 1)
    written = world.service.metrics.bytes_written - before
    assert written < 500 if compression == "deflate" else 3_000 < written < 3_500
