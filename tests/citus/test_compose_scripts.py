"""The scripts of citus/compose, on a host: what they run in containers, they run here on a local cluster."""

import asyncio
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from backend import schema
from lab.cli import run
from tests.citus.away import away
from tests.citus.conftest import ROOT, Cluster
from tests.citus.scripts import Scripts

DOCKER = """#!/bin/sh
echo "$*" >>{calls}
case "$*" in
  *"ps --quiet worker") printf 'one\\ntwo\\n' ;;
  inspect*) echo {code} ;;
esac
"""
LOCK = re.compile(r"pg_(?:try_)?advisory_lock\((\d+)\)")


def test_each_advisory_lock_of_the_database_has_a_key_of_its_own():
    """The outbox relay holds its own for as long as it lives: who shared it would wait as long."""
    files = [ROOT / "backend" / "queries.sql", *(ROOT / "citus" / "compose").glob("*.sh")]
    keys = Counter(int(key) for file in files for key in LOCK.findall(file.read_text()))
    assert len(keys) == 2, keys
    assert set(keys.values()) == {1}, keys
    assert schema.LOCK not in keys


@pytest.mark.parametrize("rebalanced", [0, 1])
def test_grow_asks_for_no_fewer_than_run_and_ends_as_the_rebalance_did(tmp_path: Path, rebalanced: int):
    """Docker is stood in for; tests/compose/test_citus.py has the real one."""
    calls = tmp_path / "calls"
    calls.touch()
    (tmp_path / "docker").write_text(DOCKER.format(calls=calls, code=rebalanced))
    (tmp_path / "docker").chmod(0o755)

    def grow(count: int) -> tuple[int, str]:
        script = ROOT / "citus" / "compose" / "grow.sh"
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", script, str(count)], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    assert grow(1) == (1, "grow: refused: 2 workers run; fewer: bash citus/compose/shrink.sh 1\n")
    assert " up " not in calls.read_text()
    assert grow(3)[0] == rebalanced
    assert "up --detach --scale worker=3\n" in calls.read_text()


real = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def scripts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    cluster.distribute(8)
    yield Scripts(cluster, tmp_path_factory.mktemp("programs"))


@pytest.mark.usefixtures("scripts")
class TestOnACluster:
    """One story, in this order: the spare is added, then the worker with the highest port leaves."""

    pytestmark = real

    def test_a_rebalance_that_runs_already_is_counted_and_waited_for(self, scripts: Scripts, capsys):
        scripts.add_spare()
        scripts.begin_a_rebalance()
        assert run(["shards", "status", "--dsn", scripts.cluster.coordinator.dsn]) == 0
        told = capsys.readouterr().out
        assert re.search(r"^now: +\d of \d moves", told, re.MULTILINE), told
        code, said = scripts.rebalance()
        assert code == 0, said
        assert scripts.moving() == "finished"
        assert sorted(scripts.shards().values()) == [2, 3, 3], said

    def test_a_rebalance_with_nothing_to_move_is_done_at_once(self, scripts: Scripts):
        code, said = scripts.rebalance()
        assert code == 0, said
        assert "rebalance: done in" in said

    def test_a_rebalance_that_cannot_start_is_an_error(self, scripts: Scripts):
        scripts.cluster.sql("ALTER FUNCTION citus_rebalance_start RENAME TO away")
        try:
            code, said = scripts.rebalance()
        finally:
            scripts.cluster.sql("ALTER FUNCTION away RENAME TO citus_rebalance_start")
        assert code != 0, said
        assert "done" not in said

    def test_no_worker_is_drained_beside_a_rebalance(self, scripts: Scripts):
        keep = sorted(scripts.shards())[1]
        last = max(scripts.shards())
        # All to one: so there is something to move.
        scripts.cluster.sql(f"SELECT citus_drain_node('127.0.0.1', {last}) AS done")
        scripts.cluster.sql(f"SELECT citus_set_node_property('127.0.0.1', {last}, 'shouldhaveshards', true)")
        scripts.begin_a_rebalance()
        code, said = scripts.drain_above(keep)
        assert code == 1, said
        assert "a rebalance is running" in said
        scripts.await_rebalance()
        assert scripts.moving() == "finished"

    def test_a_worker_that_cannot_be_drained_may_have_shards_again(self, scripts: Scripts):
        keep = sorted(scripts.shards())[1]
        last = max(scripts.shards())
        # As a drain leaves it that broke off.
        scripts.cluster.sql(f"SELECT citus_set_node_property('127.0.0.1', {last}, 'shouldhaveshards', false)")
        scripts.cluster.sql("ALTER FUNCTION citus_drain_node RENAME TO away")
        try:
            code, said = scripts.drain_above(keep)
        finally:
            scripts.cluster.sql("ALTER FUNCTION away RENAME TO citus_drain_node")
        assert code == 1, said
        assert f"worker-{last} could not be drained" in said
        assert self.wanted(scripts, last)
        assert last in scripts.shards()

    def test_nothing_is_drained_while_a_worker_is_away(self, scripts: Scripts):
        last = max(scripts.shards())
        with away(scripts.cluster, "spare", scripts.cluster.spare):
            code, said = scripts.drain_above(sorted(scripts.shards())[1])
        assert code == 1, said
        assert said.count("\n") == 1, said
        refused = f"refused: worker-{scripts.cluster.spare.port} does not answer: bring it back first"
        assert f"drain: {refused}: bash citus/compose/grow.sh {last}" in said
        assert self.wanted(scripts, last)

    def wanted(self, scripts: Scripts, port: int) -> bool:
        return (
            scripts.cluster.sql(f"SELECT shouldhaveshards FROM pg_dist_node WHERE nodeport = {port}") == "t"
        )

    def test_a_worker_that_clients_still_speak_to_is_not_removed(self, scripts: Scripts):
        keep = sorted(scripts.shards())[1]
        last = max(scripts.shards())
        node = replace(scripts.cluster.coordinator, port=last)
        with asyncio.Runner() as runner:
            client = runner.run(asyncpg.connect(node.dsn))
            code, said = scripts.drain_above(keep, DRAIN_WAIT_SECONDS="2")
            runner.run(client.close())
        assert code == 1, said
        assert f"worker-{last}: ERROR:  clients are still connected to this worker" in said
        assert "nothing was removed" in said
        assert last in scripts.shards()

    def test_a_drained_worker_is_empty_and_out_of_the_cluster(self, scripts: Scripts):
        keep = sorted(scripts.shards())[1]
        last = max(scripts.shards())
        code, said = scripts.drain_above(keep)
        assert code == 0, said
        assert f"worker-{last} is empty" in said
        assert last not in scripts.shards()
        assert sum(scripts.shards().values()) == 8
