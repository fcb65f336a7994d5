"""RabbitMQ nodes of a test, started and stopped one by one as the runbook says."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import StackError
from lab.stack.rabbitmq import Cluster, new_cluster
from lab.stack.supervision import Supervision

SEEN_SECONDS = 60.0


class Nodes:
    """The programs of a cluster under a supervisor; nothing but epmd runs before `start`."""

    def __init__(self, home: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self.supervision = Supervision(home)
        self._programs = {program.name: program for program in cluster.programs()}
        self._new = {node.name for node in cluster.nodes}

    def start(self, name: str) -> None:
        """Start a node and wait until it takes AMQP. Raises StackError after 90 s."""
        if name in self._new:
            self._new.discard(name)
            self.supervision.add([self._programs[name]], lambda _line: None)
        else:
            self.supervision.start_programs([self._programs[name]], lambda _line: None)

    def begin(self, name: str) -> None:
        """Start a node that ran before, without waiting."""
        self.supervision.rpc().supervisor.startProcess(name, False)

    def stop(self, name: str) -> None:
        self.supervision.stop_program(name)

    def takes_amqp(self, name: str) -> bool:
        return self._programs[name].check() is None

    def serves(self, name: str, seconds: float) -> bool:
        """Whether the node comes to take AMQP in that time."""
        deadline = time.monotonic() + seconds
        while not self.takes_amqp(name):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def remove_data(self, name: str) -> None:
        """All that a stopped node knew is gone."""
        shutil.rmtree(self.cluster.folder / name / "data")

    def ctl(self, name: str, *arguments: str) -> str:
        node = next(node for node in self.cluster.nodes if node.name == name)
        return self.cluster.ctl(node, *arguments)

    def members(self, name: str) -> set[str]:
        """The running nodes of the cluster, as this one sees them."""
        status = json.loads(self.ctl(name, "cluster_status", "--formatter", "json"))
        return {member.split("@")[0] for member in status["running_nodes"]}

    def has_members(self, name: str, *expected: str) -> bool:
        """Whether this node comes to see exactly these run: one that takes AMQP may not be counted yet.

        Raises StackError where the node never says.
        """
        deadline = time.monotonic() + SEEN_SECONDS
        while True:
            late = time.monotonic() > deadline
            try:
                if self.members(name) == set(expected):
                    return True
            except StackError:  # it asks a node that is going, and has no answer while that one goes
                if late:
                    raise
            if late:
                return False
            time.sleep(0.2)

    def log_says(self, name: str, words: str, seconds: float) -> bool:
        """Whether the node's log comes to hold these words in that time."""
        path = self.supervision.home / "logs" / f"{name}.log"
        deadline = time.monotonic() + seconds
        while words not in path.read_text(errors="replace"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True


@contextmanager
def nodes(home: Path, count: int) -> Iterator[Nodes]:
    """That many nodes, written but not started, beside a running epmd."""
    cluster = new_cluster(home / "rabbitmq", count)
    cluster.write()
    made = Nodes(home, cluster)
    made.supervision.start(cluster.programs()[:1], lambda _line: None, tethered=True)
    try:
        yield made
    finally:
        made.supervision.stop()
