"""Heartbeats, and tokens that end."""

import asyncio
import gc
import time

from tests.waiting import eventually, within
from tests.websocket_service.world import Start, World
from websocket_service import close_codes
from websocket_service.session import Session
from websocket_service.timers import LONGEST_SLEEP_SECONDS


async def test_a_client_that_does_not_answer_is_closed_and_one_that_does_stays(start: Start):
    # Two seconds: the other one must come to answer even where the machine gives it no time for a while.
    world = await start(heartbeat_seconds=0.2, heartbeat_answer_seconds=2)
    began = time.monotonic()
    silent = await world.connected(1, answers=False)
    alive = await world.connected(2)
    async with within(5):
        assert await silent.closed() == close_codes.NO_HEARTBEAT
    assert time.monotonic() - began > 2
    heard = len(alive.frames)
    await alive.until(lambda: len(alive.frames) > heard + 3)
    assert alive.close_code is None


async def test_heartbeats_of_many_are_spread(start: Start):
    world = await start(heartbeat_seconds=1)
    sessions = [await world.connected(user) for user in range(1, 30)]
    assert len(sessions) == 29
    due = [session.beat_at for session in world.service.users.sessions]
    assert max(due) - min(due) > 0.2


async def test_a_token_that_ends_is_asked_for_and_then_closed(world: World):
    client = world.client(1)
    client.token = world.tokens.make(1, 4)
    await client.connect()
    await client.until(lambda: any(frame["t"] == "token" for frame in client.frames))
    asked = next(frame for frame in client.frames if frame["t"] == "token")
    assert 0 < asked["in"] <= 4000
    assert await client.closed() == close_codes.TOKEN_EXPIRED


async def test_a_new_token_in_time_keeps_the_socket(world: World):
    client = world.client(1)
    client.token = world.tokens.make(1, 4)
    first_ends = time.time() + 4
    await client.connect()
    await client.until(lambda: any(frame["t"] == "token" for frame in client.frames))
    await client.say(t="token", token=world.tokens.make(1, 600))
    (session,) = world.service.users.sessions
    await eventually(lambda: session.expires_at > time.time() + 500)
    await asyncio.sleep(first_ends - time.time() + 2 * LONGEST_SLEEP_SECONDS)
    assert client.close_code is None


async def test_the_token_of_somebody_else_is_4500(world: World):
    client = await world.connected(1)
    await client.say(t="token", token=world.tokens.make(2, 600))
    assert await client.closed() == close_codes.BAD_TOKEN


async def test_a_session_that_ended_is_not_kept_until_its_next_heartbeat(start: Start):
    world = await start(heartbeat_seconds=600)
    client = await world.connected(1)
    await client.leave()
    await eventually(lambda: not world.service.users.sessions)

    def left() -> list[object]:
        gc.collect()
        mine = world.service.users
        return [one for one in gc.get_objects() if type(one) is Session and one.users is mine]

    await eventually(lambda: not left())
