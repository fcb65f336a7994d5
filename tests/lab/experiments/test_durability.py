"""DURABILITY=remote_apply waits for the standby; where there is none it is refused, and never called so."""

import asyncio

import asyncpg
import httpx
import pytest

from lab.errors import UsageError
from lab.experiments.arrangement import arrange
from lab.experiments.rig import fill
from lab.stack import modes
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.status import linked_statuses
from tests.lab.experiments.fakes import plan
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.tokens import Tokens

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = $1"


def test_what_no_standby_can_keep_is_refused_in_one_line(tmp_path):
    for wish in ({"levers": {"DURABILITY": "remote_apply"}},
                 {"own_levers": {"backend-2": {"DURABILITY": "remote_apply"}}}):  # fmt: skip
        with pytest.raises(UsageError, match="needs --replicas 1 --replication first_1"):
            modes.plan(Request(tmp_path / "home", **wish))
    assert not (tmp_path / "home").exists()


@pytest.mark.stack
@pytest.mark.timeout(180)
async def test_a_send_waits_for_the_standby_with_remote_apply_and_not_with_on(tmp_path):
    pulled = plan(lever="durability", values=("on", "remote_apply"))
    (request,) = arrange(pulled, tmp_path).stacks.values()
    with running(request) as stack:
        await asyncio.to_thread(fill, stack, 10, 20, 1)
        reported = {
            one.name: (one.effective["durability"], one.effective["synchronous_standbys"])
            for one in await asyncio.to_thread(linked_statuses, stack)
            if one.kind == "backend"
        }
        waits_for = "FIRST 1 (replica_1)"
        assert reported["backend-1"] == ("on", waits_for)
        assert reported["backend-3"] == ("remote_apply", waits_for)

        tokens = Tokens(stack.secret)
        primary = await asyncpg.connect(stack.postgres.dsn)
        standby = await asyncpg.connect(stack.replicas[0].dsn)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:

            async def send(api: str) -> int:
                sender = 2 * stack.api.index(api) + 1  # a dialog each: a commit that waits holds its dialog
                answer = await client.post(
                    f"{api}/api/v1/dialog/{sender + 1}/create/",
                    json={"content": "hello"},
                    headers={"Authorization": f"Bearer {tokens.make(sender, 3600)}"},
                )
                return answer.status_code

            assert [await send(api) for api in stack.api] == [201, 201, 201]
            await standby.execute("SELECT pg_wal_replay_pause()")
            waiting = asyncio.create_task(send(stack.api[2]))
            await eventually(lambda: primary.fetchval(WAITING, "backend-3"))
            assert await send(stack.api[0]) == 201
            assert not waiting.done()
            await standby.execute("SELECT pg_wal_replay_resume()")
            assert await waiting == 201
        await primary.close()
        await standby.close()
