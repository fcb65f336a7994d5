"""Each mechanism of the promise switched off by itself must break what it is there for.

A scenario passes with the mechanism and fails without it; so the tests can fail, and no mechanism is
there for nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest

from lab.load.client_rule import DialogView
from tests.waiting import PATIENCE_SECONDS, eventually, within
from tests.websocket_service.client import Client
from tests.websocket_service.world import World, running
from websocket_service import sweep
from websocket_service.database import Database
from websocket_service.outgoing import Outgoing
from websocket_service.session import Session
from websocket_service.sweep import Sweep
from websocket_service.users import Users
from wire.message import dialog_id_of

Scenario = Callable[[World], Coroutine[Any, Any, None]]
Mutation = Callable[[pytest.MonkeyPatch], None]


# How long a scenario waits for a message: it comes, it does not.
HOLDS_SECONDS, FAILS_SECONDS = PATIENCE_SECONDS, 1.0
patience = HOLDS_SECONDS


async def applied(client: Client, seqs: list[int], other: int, me: int) -> None:
    dialog = dialog_id_of(me, other)
    await client.until(lambda: len(client.applied[dialog]) >= len(seqs), patience)
    assert client.applied[dialog] == seqs


async def resumed_from_database(world: World, client: Client) -> None:
    await client.leave()
    await eventually(lambda: not world.service.users.sessions)
    world.service.users.epoch = b"restarted"[:8]


# Others go on within 0.1 s (lab bench push measures it); a busy machine may take longer, a loop that
# stands still does not go on at all.
STILL_SECONDS = 0.8


# --- scenarios


async def a_hint_is_lost(world: World) -> None:
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.store(ann, bob)
    await applied(device, [1], ann, bob)


async def the_broker_reconnects(world: World) -> None:
    """Only the catch-up can help."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    world.hub.stop()
    await world.store(ann, bob)
    world.hub.start()
    await applied(device, [1], ann, bob)


async def a_message_comes_again(world: World) -> None:
    """A resume repeats what the socket had."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    first = device.cursor
    await world.send(ann, bob)
    await applied(device, [1], ann, bob)
    device.cursor = first
    await device.connect()
    await world.send(ann, bob)
    await applied(device, [1, 2], ann, bob)


async def messages_come_out_of_order(world: World) -> None:
    ann, bob = await world.users()
    device = await world.connected(bob)
    first, second = [await world.store(ann, bob) for _ in range(2)]
    await world.publisher.publish([second])
    await world.publisher.publish([first])
    await applied(device, [1, 2], ann, bob)


async def a_hint_is_lost_before_another(world: World) -> None:
    """The client sees the gap, and asks."""
    ann, bob = await world.users()
    device = await world.connected(bob, last=0)
    await world.store(ann, bob)
    await world.send(ann, bob)
    await applied(device, [1, 2], ann, bob)


async def a_message_comes_during_the_resume(world: World) -> None:
    """I2: registered and buffering before the query."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    await resumed_from_database(world, device)
    ask = world.service.database.messages

    async def slow(name: str, *values: Any) -> Any:
        rows = await ask(name, *values)
        await world.send(ann, bob)
        return rows

    world.service.database.messages = slow  # type: ignore[method-assign]
    await device.connect()
    await applied(device, [1], ann, bob)


async def a_socket_breaks_after_a_cursor(world: World) -> None:
    """I3: the cursor does not run ahead of what was written."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    one = await world.store(ann, bob)
    await world.publisher.publish([msgspec.structs.replace(one, seq=seq) for seq in range(1, 71)])
    await applied(device, list(range(1, 71)), ann, bob)
    first = next(frame for frame in device.frames if frame["t"] == "batch")
    assert len(first["m"]) == 64
    again = world.client(bob, last=64, cursor=first["cursor"])
    await again.connect()
    await applied(again, list(range(65, 71)), ann, bob)


async def the_database_is_restored(world: World) -> None:
    """The epoch: a cursor of another history is worth nothing."""
    ann, bob = await world.users()
    device = await world.connected(bob)
    await world.send(ann, bob)
    await applied(device, [1], ann, bob)
    await device.leave()
    await world.database.execute("DELETE FROM dialogmessage; UPDATE dialog SET last_seq = 0")
    await world.database.execute("UPDATE database_epoch SET epoch = gen_random_uuid()")
    await world.service.sweep.sweep()
    assert (await device.connect())["resumed"] == "none"


async def a_client_stops_reading(world: World) -> None:
    """I4: only its own task waits for a socket."""
    ann, bob, eve = await world.users(3)
    stuck = await world.connected(bob)
    assert stuck.socket is not None
    stuck.socket.transport.pause_reading()
    stuck.socket.recv_messages.pause = lambda: None
    reader = await world.connected(eve)
    flood = [await world.store(ann, bob, "x" * 4000) for _ in range(40)]
    for _ in range(25):  # 4 MB: more than any buffer holds
        for hint in flood:
            hint.seq += 40
        await world.publisher.publish(flood)
        await asyncio.sleep(0)
    message = await world.store(ann, eve)
    async with within(STILL_SECONDS):
        await world.publisher.publish([message])
        await applied(reader, [1], ann, eve)


async def a_user_leaves_for_long_and_comes_back(world: World) -> None:
    """Places of the stream are never used twice."""
    ann, bob, eve = await world.users(3)
    device = await world.connected(bob)
    await world.send(ann, bob)
    await applied(device, [1], ann, bob)
    await device.connect()  # a cursor of now
    await device.leave()
    await eventually(lambda: not world.service.users.sessions)
    world.service.users.users.clear()
    await world.service.consumer.unbind(bob)
    await world.send(eve, bob)  # unheard
    other = await world.connected(bob, last=1)
    for _ in range(2):
        await world.send(ann, bob)
    await applied(other, [2, 3], ann, bob)
    await device.connect()
    await applied(device, [1, 2, 3], ann, bob)
    await applied(device, [1], eve, bob)


# --- mutations


def no_sweep(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: Sweep) -> int:
        return 0

    patch.setattr(Sweep, "sweep", nothing)


def no_catch_up(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: Sweep, _generation: int) -> None:
        return

    patch.setattr(Sweep, "catch_up", nothing)


def no_client_dedupe(patch: pytest.MonkeyPatch) -> None:
    def offer(self: Any, seq: int, message: Any, apply: Callable[[int, Any], None]) -> str:
        apply(seq, message)
        return "next"

    patch.setattr(DialogView, "offer", offer)


def no_question_about_a_gap(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: Client, _dialog: UUID) -> None:
        return

    patch.setattr(Client, "_ask", nothing)


def no_buffer_during_resume(patch: pytest.MonkeyPatch) -> None:
    add = Session.add

    def only_live(self: Session, outgoing: Outgoing) -> None:
        if self.live:
            add(self, outgoing)

    patch.setattr(Session, "add", only_live)


def cursor_ahead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "number", property(lambda self: self.user.number))


def no_epoch(patch: pytest.MonkeyPatch) -> None:
    look = Database.look

    async def same(self: Database) -> tuple[str, float]:
        _, now = await look(self)
        self.epoch = "one for all times"
        return self.epoch, now

    patch.setattr(Database, "look", same)


def one_loop_writes_to_all(patch: pytest.MonkeyPatch) -> None:
    """The way it is done most often: a loop that awaits one socket after another."""
    queue: asyncio.Queue[tuple[Session, Outgoing]] = asyncio.Queue()
    tasks: list[asyncio.Task[None]] = []

    async def serial() -> None:
        while True:
            session, outgoing = await queue.get()
            frame = session.codec.encode(session.batch_of([outgoing]))
            await session.connection.send(frame.decode())

    def add(self: Session, outgoing: Outgoing) -> None:
        if not tasks:
            tasks.append(asyncio.get_running_loop().create_task(serial()))
        queue.put_nowait((self, outgoing))

    patch.setattr(Session, "add", add)


def places_used_twice(patch: pytest.MonkeyPatch) -> None:
    join = Users.join

    async def from_zero(self: Users, *rest: Any) -> Session:
        self._events = 0
        return await join(self, *rest)

    patch.setattr(Users, "join", from_zero)


PAIRS: list[tuple[Scenario, Mutation]] = [
    (a_hint_is_lost, no_sweep),
    (the_broker_reconnects, no_catch_up),
    (a_message_comes_again, no_client_dedupe),
    (messages_come_out_of_order, no_client_dedupe),
    (a_hint_is_lost_before_another, no_question_about_a_gap),
    (a_message_comes_during_the_resume, no_buffer_during_resume),
    (a_socket_breaks_after_a_cursor, cursor_ahead),
    (the_database_is_restored, no_epoch),
    (a_client_stops_reading, one_loop_writes_to_all),
    (a_user_leaves_for_long_and_comes_back, places_used_twice),
]


WHOLE = (Sweep.sweep, Sweep.catch_up)


@asynccontextmanager
async def service(database: str, patch: pytest.MonkeyPatch, scenario: Scenario) -> AsyncIterator[World]:
    """Swept once, and then only where that is the scenario: a sweep would mend what others are about."""
    seconds = 0.3 if scenario is a_hint_is_lost else 1000
    patch.setattr(sweep, "POLL_SECONDS", seconds)
    patch.setattr(sweep, "ON_ITS_WAY_SECONDS", 0.0)
    async with running(database, sweep_seconds=seconds) as world:
        if (Sweep.sweep, Sweep.catch_up) == WHOLE:
            await eventually(lambda: world.service.metrics.sweeps)
        yield world


@pytest.mark.parametrize("scenario", dict(PAIRS), ids=lambda one: one.__name__)
async def test_it_holds(database: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch):
    async with service(database, monkeypatch, scenario) as world:
        await scenario(world)


@pytest.mark.parametrize(("scenario", "mutation"), PAIRS, ids=lambda one: one.__name__)
async def test_it_fails_without(
    database: str, scenario: Scenario, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(globals(), "patience", FAILS_SECONDS)
    mutation(monkeypatch)
    async with service(database, monkeypatch, scenario) as world:
        with pytest.raises((AssertionError, TimeoutError)):
            await scenario(world)
