"""`lab shards` against a real cluster: each step does its work, watches it, and refuses what is unsafe."""

import asyncio
import re
import uuid

import asyncpg
import pytest

from lab.shards import changes, runbook
from tests.citus.conftest import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def spare(cluster: Cluster) -> str:
    return f"{cluster.spare.host}:{cluster.spare.port}"


# One story, in this order.


def test_status_shows_every_node_and_its_shards(lab, cluster):
    cluster.distribute(8)
    cluster.sql(
        "INSERT INTO dialog SELECT ('00000000-0000-0001-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, n, 20"
        " FROM generate_series(2, 400) AS n;"
        "INSERT INTO dialogmessage SELECT dialog_id, s, gen_random_uuid(), 1, user_high, repeat('x', 200)"
        " FROM dialog, generate_series(1, 20) AS s"
    )
    code, said = lab("status")
    assert code == 0
    assert "8 shards a table" in said
    for database in (cluster.coordinator, *cluster.workers):
        assert str(database.port) in said


def test_add_registers_a_server_that_runs(lab, spare, cluster):
    code, said = lab("add", "--server", spare)
    assert code == 0, said
    assert f"{spare} 0" in said  # shards


def test_add_says_why_a_server_cannot_join(lab):
    code, said = lab("add", "--server", "127.0.0.1:1")
    assert code == 1
    assert said.startswith("lab: 127.0.0.1:1 cannot be added:")
    code, said = lab("add", "--server", "nowhere")
    assert code == 2
    assert "expected host:port" in said


def test_rebalance_evens_the_nodes_and_reports_rows_and_skew(lab, spare, tmp_path):
    code, said = lab("rebalance")
    assert code == 0, said
    assert re.search(r"messages +7,980 before, 7,980 after", said), said
    assert re.search(r"seqs without a message +0 before, 0 after", said), said
    before, after = map(float, re.findall(r"skew of bytes +([\d.]+) before, ([\d.]+) after", said)[0])
    assert after < before
    (page,) = tmp_path.glob("shards-rebalance-*.html")
    html = page.read_text()
    assert "No message was lost." in html
    assert "<svg" in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_a_worker_with_shards_is_not_removed(lab, spare):
    code, said = lab("remove", spare)
    assert code == 2
    assert f"first lab shards drain {spare}" in said


def test_drain_leaves_no_shard_and_then_remove_takes_the_worker_out(lab, spare, cluster):
    code, said = lab("drain", spare)
    assert code == 0, said
    assert f"{spare} 0" in said
    code, said = lab("remove", spare)
    assert code == 0, said
    assert spare not in said.split("shards by worker")[1].split("\n")[0]


def test_the_last_worker_is_not_drained(lab, cluster):
    first, second = cluster.workers
    code, said = lab("drain", f"{first.host}:{first.port}")
    assert code == 0, said
    code, said = lab("drain", f"{second.host}:{second.port}")
    assert code == 2
    assert "last worker" in said


def test_count_changes_every_table_and_keeps_every_row(lab):
    code, said = lab("count", "6")
    assert code == 0, said
    assert re.search(r"shard count +8 -> 6", said), said
    assert re.search(r"messages +7,980 before, 7,980 after", said), said


def test_a_count_that_cannot_lock_the_tables_says_who_to_look_for_and_changes_nothing(
    lab, cluster, monkeypatch
):
    monkeypatch.setattr(changes, "LOCK_TRIES", 2)
    step = runbook.transaction
    monkeypatch.setattr(runbook, "transaction", lambda *of, **to: step(*of, **to).replace("'10s'", "'200ms'"))
    with asyncio.Runner() as runner:
        reader = runner.run(asyncpg.connect(cluster.coordinator.dsn))
        runner.run(reader.execute("BEGIN; SELECT FROM dialog LIMIT 1"))
        code, said = lab("count", "4")
        runner.run(reader.close())
    assert code == 1, said
    assert "could not be locked in 2 tries" in said
    assert "6 shards a table" in lab("status")[1]


def test_isolate_takes_two_users_or_a_uuid_and_says_what_else_it_expected(lab):
    assert lab("isolate", "1,7")[0] == 0
    assert lab("isolate", str(uuid.UUID(int=1 << 64 | 8)))[0] == 0
    for wrong in ("7", "7,7", "x,y"):
        code, said = lab("isolate", wrong)
        assert code == 2
        assert wrong in said


def test_a_worker_that_is_not_there_is_named_with_those_that_are(lab, cluster):
    code, said = lab("drain", "nowhere:1")
    assert code == 2
    assert f"{cluster.workers[0].host}:{cluster.workers[0].port}" in said
