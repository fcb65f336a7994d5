"""The statements that stand in the runbook's README itself, as they stand there."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import asyncpg
import pytest

from lab.stack.description import Database, StackDescription
from tests.citus.conftest import ROOT, RUNBOOK, Cluster, RunbookError
from tests.citus.heads import commands

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
README = RUNBOOK / "README.md"


def way(word: str, **names: object) -> str:
    """The SQL in which this word stands, with its capital names filled in."""
    text = " ".join(README.read_text().split())
    (found,) = [one for one in re.findall(r"`([^`]+;)`", text) if word in one]
    for name, value in names.items():
        found = re.sub(rf"\b{name}\b", str(value), found)
    return str(found)


@pytest.mark.parametrize("way_to_run", ["stack.json", ".env"])
def test_the_lines_to_connect_lead_to_the_coordinator(cluster: Cluster, tmp_path: Path, way_to_run: str):
    there = cluster.coordinator
    (line,) = re.findall(rf"^    (export .*{re.escape(way_to_run)}.*)$", README.read_text(), re.MULTILINE)
    home = tmp_path / ".lab" / "stack"
    home.mkdir(parents=True)
    StackDescription("citus", home, [], [], there, "secret").save()
    names = {"USER": there.user, "PASSWORD": there.password, "DB": there.database, "PORT": there.port}
    lines = [f"POSTGRES_{name}={value}\n" for name, value in names.items()]
    (tmp_path / ".env").write_text("".join(["SECRET=a b\n", "POSTGRES_HOST=elsewhere\n", *lines]))
    look = f"{cluster.binaries}/psql -XAtc 'SELECT inet_server_port(), current_database()'"
    done = subprocess.run(
        ["bash", "-c", f"{line} && {look}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == f"{there.port}|{there.database}\n", done.stderr


def test_the_psql_of_the_container_runs_step_1_with_the_words_of_its_head(cluster: Cluster):
    """What the line gives to bash, in the folder that the compose file mounts as the line's."""
    (line,) = re.findall(r"^    docker compose .* exec .*$", README.read_text(), re.MULTILINE)
    folder, script = re.findall(r"--workdir (\S+) coordinator bash -c '(.*)' psql ", line)[0]
    assert f"- ./citus:{folder}/citus:ro" in (ROOT / "docker-compose-citus.yml").read_text()
    there = cluster.coordinator
    names = f"POSTGRES_USER={there.user} POSTGRES_DB={there.database}"
    (step,) = commands("01")
    said = cluster.shell(f"{names} PGOPTIONS='-c lab.shard_count=8' bash -c '{script}' {step}")
    assert re.search(r"dialogmessage +\| distributed +\| dialog_id +\| +\d+ +\| +8", said), said


def test_after_a_drain_beside_a_rebalance_there_is_a_way_back(cluster: Cluster):
    cluster.distribute(8)
    spare, worker = cluster.spare, cluster.workers[0]
    cluster.sql(f"SELECT citus_add_node('{spare.host}', {spare.port})")
    assert cluster.sql("SELECT citus_rebalance_start()")
    with pytest.raises(RunbookError, match="already running"):
        cluster.sql(f"SELECT citus_drain_node('{worker.host}', {worker.port})")
    wanted = f"SELECT shouldhaveshards FROM pg_dist_node WHERE nodeport = {worker.port}"
    assert cluster.sql(wanted) == "f"
    cluster.sql(way("citus_rebalance_stop", HOST=f"'{worker.host}'", PORT=worker.port))
    assert cluster.sql(wanted) == "t"
    cluster.psql("05")
    cluster.sql("SELECT citus_rebalance_wait()")
    placed = "SELECT count(DISTINCT nodeport) FROM citus_shards WHERE citus_table_type = 'distributed'"
    assert cluster.sql(placed) == "3"


def test_leftovers_of_a_server_that_is_gone_are_forgotten_and_no_others(cluster: Cluster):
    groups = cluster.sql("SELECT max(groupid), max(groupid) + 1000 FROM pg_dist_node").split("|")
    for group in groups:
        cluster.sql(
            "INSERT INTO pg_dist_cleanup (record_id, operation_id, object_type, object_name, node_group_id,"
            f" policy_type) VALUES ({group}, 1000000, 1, 'public.nothing_{group}', {group}, 0)"
        )
    cluster.sql(way("pg_dist_cleanup"))
    left = cluster.sql("SELECT node_group_id FROM pg_dist_cleanup WHERE operation_id = 1000000")
    assert left == groups[0]
    cluster.sql("DELETE FROM pg_dist_cleanup WHERE operation_id = 1000000")


def test_a_restore_point_is_written_into_the_log_of_every_node(cluster: Cluster):
    nodes = [cluster.coordinator, *cluster.workers]
    begins = [ask(node, "SELECT pg_current_wal_insert_lsn()::text") for node in nodes]
    cluster.sql(way("citus_create_restore_point"))
    for node, begin in zip(nodes, begins, strict=True):
        end = ask(node, "SELECT pg_switch_wal()::text")  # and with it the log is written
        folder = ask(node, "SHOW data_directory") + "/pg_wal"
        words = [str(cluster.binaries / "pg_waldump"), f"--path={folder}", f"--start={begin}", f"--end={end}"]
        log = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
        assert "RESTORE_POINT before_change" in log, node.port


def ask(node: Database, statement: str) -> str:
    """The one value that a node itself answers with."""

    async def go() -> str:
        connection = await asyncpg.connect(node.dsn)
        try:
            return str(await connection.fetchval(statement))
        finally:
            await connection.close()

    return asyncio.run(go())
