"""How a stack is put together is asked of its parts, whatever its description says."""

import os
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.experiments.built import built
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.status import linked_statuses
from lab.stack.supervision import Supervision


@pytest.fixture
def home():
    """Where PostgreSQL, which may run as another user, finds its folder."""
    with tempfile.TemporaryDirectory(prefix="lab-test-built-") as name:
        Path(name).chmod(0o711)
        yield Path(name) / "home"


def asked(stack):
    return built(stack, linked_statuses(stack))


def waited_for(stack, name, value):
    deadline = time.monotonic() + 30
    while (found := asked(stack)[name]) != value:
        assert time.monotonic() < deadline, f"{name} is still {found}"
        time.sleep(0.2)


@pytest.mark.haproxy
@pytest.mark.rabbitmq
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_nodes_and_balance_are_asked_of_rabbitmq_and_haproxy(home):
    request = Request(home, mode="stack", rabbitmq_nodes=3, levers={"BALANCE": "leastconn"})
    with running(request) as stack:
        found = asked(stack)
        assert (found["rabbitmq_nodes"], found["balance"], found["run_mode"]) == (3, "leastconn", "stack")
        os.kill(stack.live_pids()["rmq-slave-1"], signal.SIGKILL)
        waited_for(stack, "rabbitmq_nodes", 2)


@pytest.mark.stack
def test_a_replica_counts_while_the_primary_sends_it_its_log(home):
    with running(Request(home, "multi", 1, 1, replicas=1)) as stack:
        wished = replace(stack, mode="single")
        found = asked(wished)
        assert (found["run_mode"], found["database_mode"], found["websockets"]) == ("multi", "replica", 1)
        Supervision(stack.home).stop_program("replica-1")
        waited_for(wished, "database_mode", "single")


@pytest.mark.stack
def test_one_process_for_both_is_mode_single(home):
    with running(Request(home, "single")) as stack:
        found = asked(replace(stack, mode="multi"))
        assert (found["run_mode"], found["database_mode"], found["websockets"]) == ("single", "single", 0)
