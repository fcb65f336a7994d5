"""The scripts of citus/compose run on a local cluster: what they do in containers, they do here."""

import os
import subprocess
import time
from pathlib import Path

from tests.citus.conftest import ROOT, RUNBOOK, Cluster

# In containers a worker is a name that ends in its number, on port 5432; here all are one address, and the
# number is the port: worker-PORT. This stands before psql in PATH, drops `-h coordinator` and names nodes so.
# The steps of the runbook (-f) run as they are, and are given the real host and port.
PSQL = r"""#!/usr/bin/env bash
words=(-X) sql= file=
while [ $# -gt 0 ]; do
  case $1 in
    -h) shift ;;
    -c) sql=$2; shift ;;
    -f) file=$2; shift ;;
    -v)
      case $2 in
        name=*) number=${2##*-}; words+=(-v "$2") ;;
        host=worker-*) number=${2##*-}; words+=(-v host=127.0.0.1) ;;
        port=5432) words+=(-v "port=$number") ;;
        *) words+=(-v "$2") ;;
      esac
      shift ;;
    *) words+=("$1") ;;
  esac
  shift
done
[ -z "$file" ] || exec "$REAL_PSQL" "${words[@]}" -f "$file"
[ -n "$sql" ] || sql=$(cat)
if [ -n "$BY_NUMBER" ]; then
  sql=$(sed -E "s/nodename, nodeport/THERE/g; s/(\b[a-z]\.)?nodename\b/('worker-' || \1nodeport)/g
    s/THERE/nodename, nodeport/g; s/:'name', 5432/'127.0.0.1', $number/g" <<<"$sql")
fi
exec "$REAL_PSQL" "${words[@]}" <<<"$sql"
"""


class Scripts:
    """The scripts, run on a cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        there = cluster.coordinator
        (folder / "psql").write_text(PSQL)
        (folder / "psql").chmod(0o755)
        self.environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "REAL_PSQL": str(cluster.binaries / "psql"),
            "POSTGRES_USER": there.user,
            "POSTGRES_DB": there.database,
            "PGHOST": there.host,
            "PGPORT": str(there.port),
            "PGPASSWORD": there.password,
            "BY_NUMBER": "",
            "RUNBOOK": str(RUNBOOK),
        }

    def rebalance(self) -> tuple[int, str]:
        return self._run({}, "rebalance.sh")

    def drain_above(self, port: int, **extra: str) -> tuple[int, str]:
        return self._run({"BY_NUMBER": "yes", **extra}, "drain.sh", str(port))

    def _run(self, extra: dict[str, str], script: str, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", ROOT / "citus" / "compose" / script, *words],
            env=self.environment | extra,
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
