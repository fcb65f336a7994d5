"""The scripts of citus/compose, on a host: what they run in containers, they run here on a local cluster."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import schema
from tests.citus.conftest import Cluster

ROOT = Path(__file__).parents[2]
LOCK = re.compile(r"pg_(?:try_)?advisory_lock\((\d+)\)")


def test_each_advisory_lock_of_the_database_has_a_key_of_its_own():
    """The outbox relay holds its own for as long as it lives: who shared it would wait as long."""
    files = [ROOT / "backend" / "queries.sql", *(ROOT / "citus" / "compose").glob("*.sh")]
    keys = Counter(int(key) for file in files for key in LOCK.findall(file.read_text()))
    assert len(keys) == 2, keys
    assert set(keys.values()) == {1}, keys
    assert schema.LOCK not in keys


# In containers a worker is a name that ends in its number, on port 5432; here all are one address, and the
# number is the port. This stands before psql in PATH, drops `-h coordinator`, and names nodes in that way.
PSQL = r"""#!/usr/bin/env bash
words=(-X) sql=
while [ $# -gt 0 ]; do
  case $1 in
    -h) shift ;;
    -c) sql=$2; shift ;;
    -v) case $2 in name=*) number=${2##*-} ;; esac; words+=(-v "$2"); shift ;;
    *) words+=("$1") ;;
  esac
  shift
done
[ -n "$sql" ] || sql=$(cat)
if [ -n "$BY_NUMBER" ]; then
  sql=$(sed -E "s/(\b[a-z]\.)?nodename\b/(\1nodename || '-' || \1nodeport)/g
    s/:'name', 5432/'127.0.0.1', $number/g" <<<"$sql")
fi
exec "$REAL_PSQL" "${words[@]}" <<<"$sql"
"""
real = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


class Scripts:
    """The scripts, run on a cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        there = cluster.coordinator
        (folder / "psql").write_text(PSQL)
        (folder / "psql").chmod(0o755)
        self._environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "REAL_PSQL": str(cluster.binaries / "psql"),
            "POSTGRES_USER": there.user,
            "POSTGRES_DB": there.database,
            "PGHOST": there.host,
            "PGPORT": str(there.port),
            "PGPASSWORD": there.password,
            "BY_NUMBER": "",
        }

    def rebalance(self) -> tuple[int, str]:
        return self._run({}, "rebalance.sh")

    def drain_above(self, port: int) -> tuple[int, str]:
        return self._run({"BY_NUMBER": "yes"}, "drain.sh", str(port))

    def _run(self, extra: dict[str, str], script: str, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", ROOT / "citus" / "compose" / script, *words],
            env=self._environment | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        return done.returncode, done.stdout

    def shards(self) -> dict[int, int]:
        """Port of each worker: shards of `dialog` on it."""
        rows = self.cluster.sql(
            "SELECT n.nodeport, count(s.shardid) FROM pg_dist_node n LEFT JOIN citus_shards s"
            " ON s.nodeport = n.nodeport AND s.table_name = 'dialog'::regclass WHERE n.groupid <> 0"
            " GROUP BY 1"
        )
        return {int(port): int(count) for port, count in (row.split("|") for row in rows.split("\n"))}

    def moving(self) -> str:
        return self.cluster.sql("SELECT state FROM citus_rebalance_status()")

    def begin_a_rebalance(self) -> None:
        assert self.cluster.sql("SELECT citus_rebalance_start()")
        assert self.moving() in {"scheduled", "running"}

    def await_rebalance(self) -> None:
        deadline = time.monotonic() + 120
        while self.moving() in {"scheduled", "running"}:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def add_spare(self) -> int:
        spare = self.cluster.spare
        self.cluster.sql(f"SELECT citus_add_node('{spare.host}', {spare.port})")
        return spare.port


@pytest.fixture(scope="module")
def scripts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    cluster.distribute(8)
    yield Scripts(cluster, tmp_path_factory.mktemp("programs"))


@pytest.mark.usefixtures("scripts")
class TestOnACluster:
    """One story, in this order: the spare is added, then the worker with the highest port leaves."""

    pytestmark = real

    def test_a_rebalance_that_runs_already_is_waited_for(self, scripts: Scripts):
        scripts.add_spare()
        scripts.begin_a_rebalance()
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
        # Without a key no shard of it can be moved while writers run.
        scripts.cluster.sql(
            "CREATE TABLE keyless (dialog_id uuid); SELECT create_distributed_table('keyless', 'dialog_id')"
        )
        try:
            code, said = scripts.drain_above(keep)
        finally:
            scripts.cluster.sql("DROP TABLE keyless")
        assert code == 1, said
        assert f"127.0.0.1-{last} could not be drained" in said
        assert (
            scripts.cluster.sql(f"SELECT shouldhaveshards FROM pg_dist_node WHERE nodeport = {last}") == "t"
        )
        assert last in scripts.shards()

    def test_a_drained_worker_is_empty_and_out_of_the_cluster(self, scripts: Scripts):
        keep = sorted(scripts.shards())[1]
        last = max(scripts.shards())
        code, said = scripts.drain_above(keep)
        assert code == 0, said
        assert f"127.0.0.1-{last} is empty" in said
        assert last not in scripts.shards()
        assert sum(scripts.shards().values()) == 8
