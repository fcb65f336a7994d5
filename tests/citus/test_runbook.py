"""The runbook, step by step in its order, on a real cluster; the danger it warns of, and its cure."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from lab.bench.citus.contenders import statements
from lab.bench.citus.explaining import EXPLAINED, filled
from tests.citus.conftest import Cluster, RunbookError
from tests.citus.heads import undo
from tests.citus.writers import gaps, lost, while_writing

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
PLACEMENTS = (
    "SELECT nodeport, count(*) FROM citus_shards"
    " WHERE citus_table_type = 'distributed' GROUP BY nodeport ORDER BY nodeport"
)


def step(cluster: Cluster, name: str, **variables: object) -> Callable[[], Awaitable[str]]:
    return lambda: asyncio.to_thread(cluster.psql, name, **variables)


async def rebalanced(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.psql, "05")
    while cluster.sql("SELECT count(*) FROM citus_rebalance_status() WHERE state <> 'finished'") != "0":
        state = cluster.sql("SELECT coalesce(max(state::text), '') FROM citus_rebalance_status()")
        assert state in ("", "scheduled", "running", "finished"), state
        await asyncio.to_thread(cluster.psql, "06")
        await asyncio.sleep(0.2)


def shards_by_port(cluster: Cluster) -> dict[int, int]:
    rows = (line.split("|") for line in cluster.sql(PLACEMENTS).splitlines())
    return {int(port): int(count) for port, count in rows}


def spare(cluster: Cluster) -> dict[str, object]:
    return {"host": cluster.spare.host, "port": cluster.spare.port}


def skew(cluster: Cluster) -> float:
    """As step 2 shows it, in the row of each node."""
    found = set(re.findall(r"\| +([\d.]+)$", cluster.psql("02").split("size_skew")[1], re.MULTILINE))
    (one,) = {float(each) for each in found if "." in each}
    return one


# The tests below are one story and run in this order, as the runbook does.


def test_step_1_distributes_the_tables_and_may_run_again(cluster):
    cluster.psql("01")
    said = cluster.psql("01")
    for table in ("dialog", "dialogmessage", "outbox"):
        assert re.search(rf"{table} +\| distributed +\| dialog_id", said), said
    assert re.search(r"\buser\b.*\| reference", said), said
    assert sum(shards_by_port(cluster).values()) == 3 * 32
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 200) AS n"
    )


def plan_of_a_send(cluster: Cluster) -> str:
    return cluster.sql("EXPLAIN " + filled(statements()["send_message"], EXPLAINED["send_message"][1]))


async def test_a_send_is_one_task_on_the_node_of_its_dialog(cluster):
    plan = plan_of_a_send(cluster)
    assert "Task Count: 1" in plan, plan
    assert "Function Scan on send_message" in plan, plan
    plan = cluster.sql("EXPLAIN SELECT * FROM dialogmessage WHERE id = gen_random_uuid()")
    assert "Task Count: 32" in plan, plan
    delegated = cluster.sql("SELECT count(*) FROM pg_dist_object WHERE distribution_argument_index = 0")
    assert delegated == "1"


def test_step_2_looks_and_changes_nothing(cluster):
    before = shards_by_port(cluster)
    said = cluster.psql("02")
    behind = re.findall(
        r"\d+ \| +(-?[\d.]+)$", said.split("seconds_behind")[1].split("size_skew")[0], re.MULTILINE
    )
    assert len(behind) == 2, said
    assert all(float(one) >= 0 for one in behind), "one clock, asked before it is compared"
    assert "writes_by_shard" in said
    assert shards_by_port(cluster) == before


async def test_step_3_changes_the_shard_count_under_writers_and_loses_nothing(cluster):
    written = await while_writing(cluster, step(cluster, "03", shard_count=6))
    assert cluster.sql("SELECT DISTINCT shard_count FROM citus_tables WHERE shard_count > 1") == "6"
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0


def test_and_a_send_is_one_task_as_before(cluster):
    assert "Task Count: 1" in plan_of_a_send(cluster)


async def test_step_4_adds_a_worker_that_is_still_empty(cluster):
    before = skew(cluster)
    written = await while_writing(cluster, step(cluster, "04", **spare(cluster)))
    assert skew(cluster) > before, "the new worker is what makes it uneven"
    assert cluster.spare.port not in shards_by_port(cluster)
    assert written.errors == []
    assert await lost(cluster, written) == set()


async def test_steps_5_and_6_rebalance_under_writers_without_an_error(cluster):
    written = await while_writing(cluster, lambda: rebalanced(cluster))
    assert shards_by_port(cluster)[cluster.spare.port] > 0
    assert written.errors == []
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0


def test_steps_8_and_9_before_step_7_are_refused_and_lose_nothing(cluster):
    before = shards_by_port(cluster)
    with pytest.raises(RunbookError, match="only shard placement"):
        cluster.psql("08", **spare(cluster))
    with pytest.raises(RunbookError, match="only shard placement"):
        cluster.psql("09", **spare(cluster))
    assert shards_by_port(cluster) == before


async def test_step_7_drains_under_writers_without_an_error(cluster):
    written = await while_writing(cluster, step(cluster, "07", **spare(cluster)))
    assert cluster.spare.port not in shards_by_port(cluster)
    assert written.errors == []
    assert await lost(cluster, written) == set()


def test_step_8_disables_a_drained_worker_and_it_comes_back(cluster):
    cluster.psql("08", **spare(cluster))
    (activate,) = undo("08")
    cluster.sql(activate.replace("'worker-3', 5432", f"'{cluster.spare.host}', {cluster.spare.port}"))
    active = f"SELECT isactive FROM pg_dist_node WHERE nodeport = {cluster.spare.port}"
    assert cluster.sql(active) == "t"


async def test_step_9_waits_for_clients_of_the_worker_itself(cluster):
    connection = await asyncpg.connect(cluster.spare.dsn)
    try:
        with pytest.raises(RunbookError, match="clients are still connected"):
            cluster.psql("09", **spare(cluster))
    finally:
        await connection.close()


def test_step_9_removes_a_drained_worker(cluster):
    cluster.psql("09", **spare(cluster))
    assert cluster.sql(f"SELECT count(*) FROM pg_dist_node WHERE nodeport = {cluster.spare.port}") == "0"


async def test_step_10_isolates_a_hot_dialog_under_writers(cluster):
    hot = uuid.UUID(int=1 << 64 | 101)
    written = await while_writing(cluster, step(cluster, "10", dialog_id=hot))
    alone = cluster.sql(
        "SELECT shardminvalue = shardmaxvalue FROM pg_dist_shard"
        f" WHERE shardid = get_shard_id_for_distribution_column('dialog', '{hot}')"
    )
    assert alone == "t"
    assert await lost(cluster, written) == set()
    assert await gaps(cluster) == 0


def test_step_10_is_undone_by_step_3_with_the_count_of_before(cluster):
    counted = "SELECT DISTINCT shard_count FROM citus_tables WHERE citus_table_type = 'distributed'"
    with_the_new = cluster.sql(counted)
    assert int(with_the_new) > 6
    with pytest.raises(RunbookError, match="change any properties"):
        cluster.psql("03", shard_count=with_the_new)
    cluster.psql("03", shard_count=6)
    assert cluster.sql(counted) == "6"


def test_step_11_may_run_on_a_cluster_that_needs_nothing(cluster):
    before = cluster.sql("SELECT count(*), sum(last_seq) FROM dialog")
    epoch = cluster.sql("SELECT epoch FROM database_epoch")
    said = cluster.psql("11")
    assert re.search(r"seqs_without_a_message *\s+-+\s+0\b", said), said
    assert cluster.sql("SELECT count(*), sum(last_seq) FROM dialog") == before
    assert cluster.sql("SELECT epoch FROM database_epoch") != epoch


def test_step_12_finds_nothing_out_of_reach_while_every_node_is_there(cluster):
    dialog = uuid.UUID(int=1 << 64 | 101)
    said = cluster.psql("12", dialog_id=dialog)
    assert re.search(r"shards_out_of_reach .*\n-.*\n\(0 rows\)", said), said
    assert re.search(r"in_reach *\n-.*\n.*\| t\n", said), said
