"""citus/compose/node.sh as a worker, on a host: it registers itself, and says with what it stops.

Docker's own programs are stood in for; the server that it would start is one that runs already.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.citus.conftest import ROOT, Cluster
from tests.citus.scripts import Scripts

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
# bash starts it with SIGINT ignored, as it starts postgres, which like this one listens all the same.
SERVER = """#!/usr/bin/env python3
import pathlib, signal
signal.signal(signal.SIGINT, lambda *_: exit(0))
pathlib.Path("UP").touch()
while True:
    signal.pause()
"""


class Worker:
    """The script, which believes that it is in the container of the spare server."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.scripts = Scripts(cluster, folder)
        up = folder / "up"
        programs = {
            "hostname": "#!/bin/sh\necho 127.0.0.1\n",
            "getent": f"#!/bin/sh\necho 127.0.0.1 worker-{cluster.spare.port}.network\n",
            "pg_isready": f"#!/bin/sh\ntest -e {up}\n",
            "docker-entrypoint.sh": SERVER.replace("UP", str(up)),
        }
        for name, text in programs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.script = folder / "node.sh"
        text = (ROOT / "citus" / "compose" / "node.sh").read_text()
        self.script.write_text(text.replace("/tmp/registered", str(folder / "registered")))
        self.said = ""

    @contextmanager
    def runs(self) -> Iterator[None]:
        """Registered within the block; stopped after it, as by docker stop. `said` is what it said then."""
        path = f"{self.scripts.environment['PATH']}:{self.scripts.cluster.binaries}"
        with subprocess.Popen(
            ["bash", self.script, "worker"],
            env=self.scripts.environment | {"BY_NUMBER": "yes", "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            said: list[str] = []
            try:
                for line in process.stdout:
                    said.append(line)
                    if "is registered" in line:
                        break
                else:
                    pytest.fail("".join(said))
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                self.said, _ = process.communicate(timeout=60)


@pytest.fixture(scope="module")
def worker(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    cluster.distribute(8)
    return Worker(cluster, tmp_path_factory.mktemp("programs"))


def known(cluster: Cluster) -> str:
    return cluster.sql(f"SELECT isactive FROM pg_dist_node WHERE nodeport = {cluster.spare.port}")


# One story, in this order.


def test_a_worker_registers_itself_and_goes_without_a_word_while_it_holds_copies_only(
    worker: Worker, cluster: Cluster
):
    assert known(cluster) == ""
    with worker.runs():
        assert known(cluster) == "t"
        cluster.sql("SELECT replicate_reference_tables('block_writes')")
        held = f"SELECT count(*) > 0 FROM citus_shards WHERE nodeport = {cluster.spare.port}"
        assert cluster.sql(held) == "t"
    assert "WARNING" not in worker.said


def test_a_worker_that_was_disabled_is_active_again(worker: Worker, cluster: Cluster):
    cluster.psql("08", host=cluster.spare.host, port=cluster.spare.port)
    assert known(cluster) == "f"
    with worker.runs():
        assert known(cluster) == "t"


def test_a_worker_that_stops_with_shards_says_how_many_and_the_way_back(worker: Worker, cluster: Cluster):
    with worker.runs():
        code, said = worker.scripts.rebalance()
        assert code == 0, said
        placed = (
            f"SELECT count(*) FROM citus_shards WHERE nodeport = {cluster.spare.port}"
            " AND citus_table_type = 'distributed'"
        )
        shards = cluster.sql(placed)
        assert shards != "0"
    assert f"WARNING: worker-{cluster.spare.port} stops and still holds {shards} shards" in worker.said
    assert "shrink.sh" in worker.said
