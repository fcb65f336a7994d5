"""CITUS_NODE=any: the backend asks every node, follows the cluster, and no user notices a move."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from backend.connections import ANSWER_SECONDS, STATEMENT_SECONDS
from backend.pools import PAUSES_SECONDS
from lab.shards import changes
from lab.shards.cluster import Cluster as Shards
from lab.stack.description import Database
from tests.backend.running import Running, running
from tests.citus.backends import settings
from tests.citus.conftest import Cluster
from tests.waiting import PATIENCE_SECONDS, eventually

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "backend-of-the-test"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
)


@pytest.fixture
async def backend(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """As many tries as ever, and each as long as a machine takes that moves shards beside them."""
    monkeypatch.setattr("backend.pools.PAUSES_SECONDS", tuple(4 * pause for pause in PAUSES_SECONDS))
    monkeypatch.setattr("backend.connections.STATEMENT_SECONDS", 4 * STATEMENT_SECONDS)
    monkeypatch.setattr("backend.connections.ANSWER_SECONDS", 4 * ANSWER_SECONDS)
    given = settings(
        cluster,
        citus_node="any",
        pool_size=6,
        pool_wait_seconds=PATIENCE_SECONDS,
        shard_count=4,
        service_id=NAME,
    )
    async with running(given) as started:
        yield started


async def sessions(node: Database) -> int:
    connection = await asyncpg.connect(node.dsn)
    try:
        return int(await connection.fetchval(SESSIONS, NAME))
    finally:
        await connection.close()


async def has_sessions(node: Database, expected: int) -> None:
    """Wait until the backend has so many at a node."""

    async def has() -> bool:
        return await sessions(node) == expected

    await eventually(has)


async def test_the_pool_is_on_all_nodes_and_a_move_is_never_shown(backend: Running, cluster: Cluster):
    leaving, staying = cluster.workers
    await has_sessions(leaving, 2)
    await has_sessions(staying, 2)
    users = await backend.users(12)
    answers: Counter[int] = Counter()
    moved = asyncio.Event()

    async def writer(me: int) -> None:
        for number in range(10_000):
            if moved.is_set():
                return
            other = users[(users.index(me) + 1 + number % 5) % len(users)]
            answers[(await backend.send(me, other, str(number), uuid4())).status_code] += 1
            await backend.page(me, other, limit=5)

    shards = await Shards.connect(cluster.coordinator)
    writers = [asyncio.create_task(writer(me)) for me in users[:6]]
    try:
        await changes.drain(shards, await shards.worker(str(leaving.port)))
        # Drained is left: what it knows of the cluster ends with its removal.
        await has_sessions(leaving, 0)
        await has_sessions(staying, 3)
        await changes.remove(shards, await shards.worker(str(leaving.port)))
        await changes.register(shards, leaving.host, leaving.port)
        await changes.rebalance(shards)
        await has_sessions(leaving, 2)
    finally:
        moved.set()
        await asyncio.gather(*writers)
        lost = await shards.lost()
        stored = await shards.messages()
        await shards.close()
    assert set(answers) == {201}
    assert stored == answers[201]
    assert lost == 0


async def test_a_node_that_died_is_not_missed(backend: Running, cluster: Cluster):
    me, other = await backend.users()
    dead = ("127.0.0.1", 1)
    assert backend.app.nodes is not None
    backend.app.nodes._use([None, dead])
    backend.app.pool.replace(backend.app.pool.connections)
    for _ in range(20):
        assert (await backend.send(me, other)).status_code == 201
