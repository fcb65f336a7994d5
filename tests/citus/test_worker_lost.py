"""A worker killed under writers, and one that stays away: what step 12 of the runbook says holds."""

import asyncio
import os
import re
import signal
from uuid import UUID

import asyncpg
import pytest

from lab.stack.supervision import Supervision
from tests.backend.running import Running, running
from tests.citus.away import away
from tests.citus.backends import settings
from tests.citus.conftest import Cluster
from tests.citus.writers import gaps, lost, while_writing
from tests.waiting import eventually
from wire.message import dialog_id_of

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_killed_worker_comes_back_and_nothing_acknowledged_is_lost(cluster: Cluster) -> None:
    cluster.distribute(8)
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 200) AS n"
    )

    async def kill() -> None:
        supervision = Supervision(cluster.home)
        pid = supervision.pids()["worker-1"]
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while not await _answers(cluster):  # noqa: ASYNC110 - it is what is asked
                await asyncio.sleep(0.1)

    written = await while_writing(cluster, kill)
    assert written.errors, "no send failed: was the worker killed?"
    # Connection gone, server starting or ending, or Citus's own words for them: nothing else.
    assert {error[:2] for error in written.errors} <= {"08", "57", "XX"}, set(written.errors)
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0


async def _answers(cluster: Cluster) -> bool:
    """Whether a statement over all shards works again."""
    try:
        connection = await asyncpg.connect(cluster.coordinator.dsn, timeout=5)
        try:
            await connection.fetchval("SELECT count(*) FROM dialogmessage")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError):
        return False
    return True


@pytest.fixture
def empty(servers: Cluster) -> Cluster:
    """An empty cluster for a backend."""
    return servers.with_database("without_a_worker")


PERSON = {"username": "new", "first_name": "Ann", "last_name": "Lee", "password": "a password of hers"}


async def register(backend: Running, name: str) -> int:
    answer = await backend.client.post("/api/v1/users/register", json={**PERSON, "username": name})
    return answer.status_code


async def test_without_a_worker_what_step_12_says_works_and_the_rest_answers_503(empty: Cluster) -> None:
    given = settings(empty, shard_count=8, delivery="outbox")
    async with running(given) as backend:
        me, *others = await backend.users(24)
        assert await register(backend, "before") in (200, 201)
        for other in others:
            assert (await backend.send(me, other)).status_code == 201
        lost_ones = [one for one in others if _on(empty, me, one) == empty.workers[0].port]
        others = [one for one in others if one not in lost_ones]
        assert lost_ones
        assert others

        with away(empty, "worker-1", empty.workers[0]):
            for other in others[:4]:
                assert (await backend.send(me, other)).status_code == 201
                assert len((await backend.page(me, other))["items"]) == 2
            for path in (f"/api/v1/dialog/{lost_ones[0]}/list/", "/api/v1/dialogs/"):
                assert (await backend.client.get(path, headers=backend.headers(me))).status_code == 503, path
            answer = await backend.send(me, lost_ones[0])
            assert answer.status_code == 503
            assert answer.json()["detail"]
            assert await register(backend, "meanwhile") == 503
            form = {"username": "before", "password": PERSON["password"]}
            assert (await backend.client.post("/api/v1/login", data=form)).status_code == 200
            backend.publisher.away = True
            kept = (await backend.send(me, others[0])).json()["id"]
            backend.publisher.away = False
            said = await asyncio.to_thread(empty.psql, "12", dialog_id=dialog_id_of(me, lost_ones[0]))
            assert re.search(rf"{empty.workers[0].port} \| +0 \| +2\b", said), said
            assert re.search(rf"{empty.workers[0].port} \| dialogmessage +\| +4 \|", said), said
            assert re.search(r"in_reach *\n-.*\n.*\| f\n", said), said

        assert (await backend.send(me, lost_ones[0])).status_code == 201
        assert (await backend.client.get("/api/v1/dialogs/", headers=backend.headers(me))).status_code == 200
        assert await register(backend, "meanwhile") in (200, 201)
        await eventually(lambda: kept in {str(hint.id) for hint in backend.publisher.hints})
    assert await gaps(empty) == 0


def _on(cluster: Cluster, me: int, other: int) -> int:
    """The port of the node that has a dialog."""
    dialog: UUID = dialog_id_of(me, other)
    return int(
        cluster.sql(
            "SELECT nodeport FROM pg_dist_placement JOIN pg_dist_node USING (groupid)"
            f" WHERE shardid = get_shard_id_for_distribution_column('dialog', '{dialog}')"
        )
    )
