"""An API process that dies after the commit and before the hint: what was stored comes by another way."""

import os
import signal
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from tests.backend.running import SECRET
from tests.backend.test_process import ends, launched, two_users
from tests.waiting import eventually
from tests.websocket_service.world import running
from wire.tokens import Tokens

pytestmark = [pytest.mark.stack, pytest.mark.slow]
# An API process whose publisher takes hints and never comes to an end with them.
STUCK = """
import asyncio, runpy
from wire.brokers.publisher import ConnectedPublisher

async def publish(self, hints):
    await asyncio.Event().wait()

ConnectedPublisher.publish = publish
runpy.run_module("backend", run_name="__main__")
"""
RELAY = """
SELECT count(*)
  FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE locktype = 'advisory' AND granted AND application_name = 'living'
"""


@pytest.mark.parametrize(
    ("delivery", "sweep_seconds"),
    [
        ("outbox", 3600.0),  # so that nothing but the relay of the other process can bring it
        ("confirm", 2.0),  # 30 s by default; nothing else brings it
    ],
)
async def test_what_was_committed_comes_though_its_process_died_before_it_published(
    database: str, delivery: str, sweep_seconds: float
):
    me, other = await two_users(database)
    headers = {"authorization": f"Bearer {Tokens(SECRET).make(me, 600)}"}
    path, sent = f"/api/v1/dialog/{other}/create/", {"content": "hi", "id": str(uuid7())}
    async with AsyncExitStack() as stack:
        _, living = await stack.enter_async_context(
            launched(database, DELIVERY=delivery, SERVICE_ID="living")
        )
        if delivery == "outbox":
            connection = await asyncpg.connect(database)
            await eventually(lambda: connection.fetchval(RELAY))
            await connection.close()
        process, dying = await stack.enter_async_context(
            launched(database, None, ("-c", STUCK), DELIVERY=delivery)
        )
        world = await stack.enter_async_context(
            running(database, broker="postgres", sweep_seconds=sweep_seconds)
        )
        await eventually(lambda: world.service.metrics.sweeps)
        recipient = await world.connected(other)

        first = await dying.post(path, json=sent, headers=headers)
        assert first.status_code == 201
        assert "\nhints_waiting 1.0\n" in (await dying.get("/metrics")).text
        os.killpg(process.pid, signal.SIGKILL)
        await ends(process)

        dialog, seq = UUID(first.json()["dialog_id"]), first.json()["seq"]
        await eventually(lambda: recipient.applied[dialog])
        again = await living.post(path, json=sent, headers=headers)
        assert (again.status_code, again.json()["seq"]) == (200, seq)
        await eventually(lambda: world.service.metrics.hints["duplicate"])  # the hint of the retry
        assert recipient.applied[dialog] == [seq]
