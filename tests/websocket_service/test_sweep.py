"""What the broker loses, the sweep finds; and it finds nothing where nothing was lost."""

import asyncpg
import pytest

from tests.waiting import eventually, within
from tests.websocket_service.client import Client
from tests.websocket_service.world import Start, World
from websocket_service import sweep
from websocket_service.database import DatabaseAway
from wire.message import dialog_id_of


def count(client: Client) -> int:
    return sum(map(len, client.applied.values()))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints need no time on their way."""
    monkeypatch.setattr(sweep, "ON_ITS_WAY_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_lost_hint_is_found_though_nothing_follows_it(start: Start):
    world = await start(sweep_seconds=0.5)
    ann, bob = await world.users()
    devices = [await world.connected(user) for user in (ann, bob, bob)]
    await world.send(ann, bob)
    before = world.service.metrics.repairs  # a sweep between its commit and its hint would find it, too
    await world.store(ann, bob, "lost")
    for device in devices:
        await device.until(lambda device=device: count(device) == 2)
    assert world.service.metrics.repairs - before == 1
    sweeps = world.service.metrics.sweeps
    async with within(2):
        await eventually(lambda: world.service.metrics.sweeps > sweeps)
    assert world.service.metrics.gets == 0


@pytest.mark.usefixtures("at_once")
async def test_holes_in_the_middle_of_a_dialog_are_found(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    device.answers = False
    for number in range(20):
        await (world.store if number % 3 else world.send)(ann, bob)
    assert await world.service.sweep.sweep() == 13
    await device.until(lambda: device.applied[dialog_id_of(ann, bob)] == list(range(1, 21)))
    assert await world.service.sweep.sweep() == 0


async def test_nothing_is_repaired_where_nothing_was_lost(start: Start):
    world = await start(sweep_seconds=0.1)
    ann, bob = await world.users()
    await world.store(ann, bob, "before anybody was here")
    device = await world.connected(bob, last=1)
    for _ in range(50):
        await world.send(ann, bob)
    sweeps = world.service.metrics.sweeps
    await eventually(lambda: world.service.metrics.sweeps > sweeps + 5)
    await device.until(lambda: count(device) == 50)
    assert world.service.metrics.repairs == 0


@pytest.mark.usefixtures("at_once")
async def test_after_a_repair_it_looks_every_two_seconds(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.1)
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.store(ann, bob)
    await world.service.sweep.sweep()
    world.service.sweep._wake.set()  # the task is in its long pause
    await world.store(ann, bob)
    await device.until(lambda: count(device) == 2, seconds=20)  # otherwise it looks every 24 s at most


async def test_while_it_polls_it_waits_half_as_long_for_a_hint_on_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.connected((await world.users())[1])
    sweeper, until = world.service.sweep, list[float]()

    async def look() -> tuple[str, float]:
        return sweeper._database.epoch, 1000.0

    async def sweep_users(_users: list[int], _after: float, up_to: float) -> int:
        until.append(up_to)
        return 1 if len(until) == 1 else 0  # the first time something was lost

    await eventually(lambda: not sweeper._suspicious)  # the first connection to the broker was caught up with
    monkeypatch.setattr(sweeper._database, "look", look)
    monkeypatch.setattr(sweeper, "_sweep_users", sweep_users)
    await sweeper.sweep()
    await sweeper.sweep()
    assert until == [1000.0 - sweep.ON_ITS_WAY_SECONDS, 1000.0 - sweep.ON_ITS_WAY_SECONDS / 2]


async def test_while_the_broker_is_away_messages_come_from_the_database(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.2)
    world = await start(sweep_seconds=0.4, heartbeat_seconds=0.2)
    ann, bob = await world.users()
    device = await world.connected(bob)
    world.hub.stop()
    await eventually(lambda: not world.service.consumer.connected)
    for _ in range(5):
        await world.store(ann, bob)
    await device.until(lambda: count(device) == 5)
    await device.until(lambda: any(frame.get("lag") for frame in device.frames))
    assert device.close_code is None
    world.hub.start()
    await world.send(ann, bob)
    await device.until(lambda: count(device) == 6)
    seen = len(device.frames)
    await device.until(lambda: any(frame.get("lag") is False for frame in device.frames[seen:]))


async def test_a_broker_that_goes_away_in_the_long_pause_is_replaced_by_polling_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.1)
    world = await start(sweep_seconds=60)
    ann, bob = await world.users()
    device = await world.connected(bob)
    await eventually(lambda: world.service.metrics.sweeps)  # the first one; now a long pause
    world.hub.stop()
    await world.store(ann, bob)
    await device.until(lambda: count(device) == 1)


async def test_a_new_generation_catches_up_at_once(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 1000)  # so that nothing else looks
    world = await start(sweep_seconds=1000)
    ann, bob = await world.users()
    device = await world.connected(bob)
    world.hub.stop()
    await world.store(ann, bob)
    world.hub.start()
    await device.until(lambda: count(device) == 1)


async def test_a_database_that_is_away_for_a_sweep_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.1)
    ann, bob = await world.users()
    device = await world.connected(bob)
    whole = world.service.database.queries["recent_dialogs"]
    world.service.database.queries["recent_dialogs"] = "SELECT 1 / 0"
    world.hub.stop()
    await world.store(ann, bob)
    world.hub.start()
    with pytest.raises(DatabaseAway):
        await world.service.sweep.sweep()
    await eventually(lambda: world.service.metrics.database_errors)
    assert count(device) == 0
    world.service.database.queries["recent_dialogs"] = whole
    await device.until(lambda: count(device) == 1, seconds=20)  # otherwise it looks every 24 s at most


async def test_a_user_without_a_socket_gets_repairs_into_its_ring(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    await device.leave()
    await eventually(lambda: not world.service.users.sessions)
    world.hub.stop()
    await world.store(ann, bob)
    world.hub.start()
    await eventually(lambda: world.service.metrics.repairs)
    assert (await device.connect())["resumed"] == "ring"
    await device.until(lambda: count(device) == 1)


async def test_the_cursor_moves_with_the_sweeps(start: Start):
    world = await start(heartbeat_seconds=0.2, sweep_seconds=0.1)
    _, bob = await world.users()
    device = await world.connected(bob)
    first = device.cursor
    await device.until(lambda: device.frames[-1]["t"] == "hb" and device.cursor != first)


def test_holes_are_asked_for_in_portions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep, "MESSAGES_AT_ONCE", 10)
    one, two = dialog_id_of(1, 2), dialog_id_of(1, 3)
    assert sweep._portions([(one, 1, 4), (two, 1, 17), (one, 9, 9)]) == [
        [(one, 1, 4), (two, 1, 6)],
        [(two, 7, 16)],
        [(two, 17, 17), (one, 9, 9)],
    ]


@pytest.mark.parametrize("error", [OSError, asyncpg.InterfaceError, asyncpg.InternalClientError])
async def test_a_connection_that_breaks_in_any_way_is_a_database_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
):
    class Broken:
        async def fetch(self, *_values: object, **_options: object) -> None:
            raise error("cannot switch to state 12; another operation (2) is in progress")

    with monkeypatch.context() as patch:
        patch.setattr(world.service.database, "_pool", Broken())
        with pytest.raises(DatabaseAway):
            await world.service.database.fetch("disabled_users")
