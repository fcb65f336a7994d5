"""A client that stops reading: it is closed, and nobody else notices (I4)."""

import asyncio

from tests.waiting import eventually, within
from tests.websocket_service.client import Client
from tests.websocket_service.world import World
from websocket_service.session import MAX_PENDING
from wire.message import dialog_id_of

LONG = "x" * 4000


async def stuck(world: World, user: int) -> Client:
    """Welcomed, and from then on it reads nothing: its receive buffer stays full."""
    client = world.client(user)
    await client.open(max_queue=1)
    await client.say(t="hello", token=client.token, dev=str(client.device), resume=None)
    await client.hear()
    assert client.socket is not None
    client.socket.transport.pause_reading()
    return client


async def test_a_client_that_stops_reading_is_closed_and_delays_nobody(world: World):
    ann, bob, eve = await world.users(3)
    await stuck(world, bob)
    reader = await world.connected(eve)
    (session,) = (one for one in world.service.users.sessions if one.user.id == bob)
    dialog = dialog_id_of(ann, eve)
    sent = beside = 0
    flood = [await world.store(ann, bob, LONG) for _ in range(10)]
    while not session.ending and sent < 3000:
        # Real messages once, then hints of further ones: their content is what fills the buffers.
        for hint in flood:
            hint.seq += 10 if sent else 0
        await world.publisher.publish(flood)
        sent += 10
        message = await world.store(ann, eve)
        async with within(0.5):  # the figure: lab bench push
            await world.publisher.publish([message])
            await reader.until(lambda message=message: reader.applied[dialog][-1:] == [message.seq])
        beside += bool(session.pending)
    assert session.ending
    assert beside, "others heard while messages waited for the stuck one"
    assert world.service.metrics.closes[4002] == 1
    await eventually(lambda: world.service.sockets.open == 1)


async def test_a_burst_is_not_slowness(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    hints = [await world.store(ann, bob) for _ in range(3 * MAX_PENDING)]
    await world.publisher.publish(hints)
    await device.until(lambda: len(device.applied[dialog_id_of(ann, bob)]) == len(hints))
    assert device.close_code is None


async def test_a_client_that_was_slow_comes_back_to_all_of_it(world: World):
    ann, bob = await world.users()
    device = await stuck(world, bob)
    device.cursor = device.frames[0]["cursor"]
    total = 0
    while world.service.users.sessions:
        hints = [await world.store(ann, bob, LONG) for _ in range(50)]
        await world.publisher.publish(hints)
        total += 50
        await asyncio.sleep(0)
    await device.connect()
    await device.until(lambda: len(device.applied[dialog_id_of(ann, bob)]) == total, seconds=120)


async def test_a_short_stall_loses_nothing_and_closes_nothing(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    assert device.socket is not None
    device.socket.transport.pause_reading()
    for _ in range(20):
        await world.send(ann, bob, LONG)
    device.socket.transport.resume_reading()
    await device.until(lambda: len(device.applied[dialog_id_of(ann, bob)]) == 20)
    assert device.close_code is None
