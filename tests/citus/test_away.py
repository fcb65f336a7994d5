"""A node whose server is gone: every command says so in one line, and a drained one can still be removed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from lab.errors import LabError
from lab.shards import changes
from lab.shards.cluster import Cluster as Shards
from lab.stack.description import Database
from tests.citus.away import away
from tests.citus.conftest import Cluster, Lab
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


def on_spare(cluster: Cluster) -> dict[str, object]:
    return {"host": cluster.spare.host, "port": cluster.spare.port}


def known(cluster: Cluster, node: Database) -> bool:
    return cluster.sql(f"SELECT count(*) FROM pg_dist_node WHERE nodeport = {node.port}") == "1"


# One story, in this order.


def test_status_calls_a_worker_away_and_counts_what_is_out_of_reach(lab: Lab, cluster: Cluster):
    cluster.distribute(4)
    worker = cluster.workers[0]
    with away(cluster, "worker-1", worker):
        code, said = lab("status")
    assert code == 0, said
    assert "away" in said
    assert f"{worker.host}:{worker.port} does not answer: the rows in its 6 shards" in " ".join(said.split())
    code, said = lab("status")
    assert "away" not in said


@pytest.mark.parametrize("words", ["rebalance", "drain SPARE", "count 6", "isolate 1,2"])
def test_a_change_says_in_one_line_who_is_away(lab: Lab, cluster: Cluster, words: str):
    if not known(cluster, cluster.spare):
        cluster.psql("04", **on_spare(cluster))
    worker = cluster.workers[0]
    with away(cluster, "worker-1", worker):
        code, said = lab(*words.replace("SPARE", str(cluster.spare.port)).split())
    assert code == 1, said
    assert said.count("\n") == 1, said
    assert said.startswith(f"lab: {worker.host}:{worker.port} does not answer: start its server again")


@asynccontextmanager
async def drain_held_back(cluster: Cluster) -> AsyncIterator[tuple[asyncio.Task[None], Shards]]:
    """A drain of the first worker that waits for a lock: it shall have no shards, and has them all."""
    worker = cluster.workers[0]
    working, watching = [await Shards.connect(cluster.coordinator) for _ in range(2)]
    try:
        await watching.connection.execute("BEGIN; LOCK TABLE dialog IN ACCESS EXCLUSIVE MODE")
        drain = asyncio.create_task(changes.drain(working, await watching.worker(str(worker.port))))

        async def told() -> bool:
            return not (await watching.worker(str(worker.port))).wanted

        await eventually(told)
        yield drain, watching
    finally:
        await working.close()
        await watching.close()


async def test_a_drain_that_is_interrupted_lets_the_worker_have_shards_again(cluster: Cluster):
    async with drain_held_back(cluster) as (drain, watching):
        drain.cancel()
        await watching.connection.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await drain
        assert (await watching.worker(str(cluster.workers[0].port))).wanted


async def test_a_drain_whose_worker_dies_says_what_stays_and_what_to_run_then(cluster: Cluster):
    async with drain_held_back(cluster) as (drain, watching):
        with away(cluster, "worker-1", cluster.workers[0]):
            with suppress(asyncpg.PostgresError):  # the lock is held on that worker too
                await watching.connection.execute("ROLLBACK")
            with pytest.raises(LabError, match="failed; shards that have moved stay moved") as raised:
                await drain
    if found := re.search(r"you run (SELECT [^:]*)", str(raised.value)):
        cluster.sql(found[1])
    asked = f"SELECT shouldhaveshards FROM pg_dist_node WHERE nodeport = {cluster.workers[0].port}"
    assert cluster.sql(asked) == "t"


def test_an_empty_worker_whose_server_is_gone_is_removed_by_the_command(lab: Lab, cluster: Cluster):
    assert known(cluster, cluster.spare)
    with away(cluster, "spare", cluster.spare):
        code, said = lab("remove", str(cluster.spare.port))
        assert code == 0, said
        assert not known(cluster, cluster.spare)


def test_and_by_step_9_with_what_moves_left_behind_on_it(cluster: Cluster):
    cluster.psql("04", **on_spare(cluster))
    cluster.sql(
        "INSERT INTO pg_dist_cleanup (record_id, operation_id, object_type, object_name, node_group_id,"
        " policy_type) SELECT 7, 1000000, 1, 'public.nothing', groupid, 0 FROM pg_dist_node"
        f" WHERE nodeport = {cluster.spare.port}"
    )
    with away(cluster, "spare", cluster.spare):
        cluster.psql("09", **on_spare(cluster))
    assert not known(cluster, cluster.spare)
    assert cluster.sql("SELECT count(*) FROM pg_dist_cleanup WHERE record_id = 7") == "0"
