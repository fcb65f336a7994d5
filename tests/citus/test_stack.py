"""The whole application on a cluster, as `lab up --mode citus` starts it, under load while a worker dies."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli import run
from lab.commands import shards as command
from lab.experiments.arrangement import Arrangement, requested
from lab.experiments.audit import check_sides
from lab.experiments.rig import StackRig
from lab.load.run import run_load
from lab.shards import changes
from lab.shards.cluster import Cluster
from lab.shards.fared import KINDS, SPANS
from lab.shards.meanwhile import Load
from lab.shards.steps import changed, crash
from lab.stack import citus
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.supervision import Supervision
from lab.trials.schedule import Side
from tests.lab.experiments.fakes import plan

pytestmark = [
    *(pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.haproxy),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[StackDescription]:
    """As small as it can be: hints through PostgreSQL, four shards."""
    if citus.find() is None:
        pytest.skip(citus.MISSING)
    levers = {"BROKER": "postgres", "SHARD_COUNT": "4"}
    with tempfile.TemporaryDirectory(prefix="lab-test-citus-") as name:
        request = Request(Path(name) / "home", "citus", api=1, websockets=1, levers=levers)
        with running(request) as description:
            home = ("--home", str(description.home))
            assert run(["seed", *home, "--users", "40", "--dialogs", "80", "--messages", "800"]) == 0
            yield description


async def test_a_load_goes_on_while_a_worker_dies_and_nothing_acknowledged_is_lost(stack: StackDescription):
    cluster = await Cluster.connect(stack.postgres)
    worker = (await cluster.nodes())[1]
    await cluster.close()
    step = crash(stack, worker.name, away_seconds=2)
    account, beside = await changed(step, stack.postgres, Load(30, 2, stack.home), print)
    before, during, after = (beside.spans("sends")[name] for name in SPANS)
    assert before.requests
    assert after.requests
    assert not before.refused
    assert set(during.refused) <= {"503", "timeout"}
    assert during.refused, "no send failed: was the worker killed?"
    assert during.p99 is not None, "none was answered: the other worker's dialogs go on"
    assert beside.spans("pages")["during"].p99 is not None
    assert beside.spans("lists of dialogs")["during"].refused, "each asks every shard"
    assert beside.record is not None
    assert beside.record.ledger.clean, beside.record.ledger.examples
    assert account.lost_after == 0
    assert account.messages_after > account.messages_before


def test_the_commands_grow_and_shrink_the_stack_under_load(
    stack: StackDescription, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "AROUND_SECONDS", 2)
    home = ("--home", str(stack.home))

    def lab(*words: str) -> str:
        code = run(["shards", *words, *home])
        told = capsys.readouterr()
        said: str = told.out + told.err
        assert code == 0, said
        return said

    def under_load(*words: str) -> str:
        said = lab(*words, "--load", "20")
        for what in KINDS.values():
            assert re.search(rf"{what} during +\d", said), said
        assert re.search(r"ledger +clean: \d+ acknowledged, 0 of them lost", said), said
        assert re.search(r"messages +[\d,]+ before, [\d,]+ after: \+\d+, of them \d+ acknowledged", said), (
            said
        )
        assert "<svg" in Path(re.findall(r"report +(\S+)", said)[0]).read_text()
        return said

    new = re.findall(r"127\.0\.0\.1:(\d+) 0\b", lab("add"))[-1]
    assert "worker-3" in Supervision(stack.home).pids()
    assert f"{new} 0" not in under_load("rebalance")
    assert f"{new} 0" in under_load("drain", new)
    asyncio.run(removed_by_hand(stack, int(new)))
    assert "worker-3 is stopped" in lab("remove", new)
    assert "worker-3" not in Supervision(stack.home).pids()
    assert new not in lab("status")
    assert re.search(r"shard count +4 -> 8", under_load("count", "8"))
    assert re.search(r"shard count +8 -> \d+", under_load("isolate", "1,2"))


def test_a_restore_stops_the_services_and_starts_them_again(stack: StackDescription, tmp_path, capsys):
    """After the tests above: there are messages."""
    home, file = ("--home", str(stack.home)), str(tmp_path / "lab.dump")
    assert run(["shards", "backup", file, *home]) == 0
    assert run(["shards", "restore", file, *home]) == 2
    told = capsys.readouterr()
    assert "is not empty" in told.err
    assert "the services are stopped" not in told.out
    before = Supervision(stack.home).pids()
    stored = asyncio.run(emptied(stack))
    assert run(["shards", "restore", file, "--dsn", stack.postgres.dsn]) == 2
    assert re.search(r"in use by .*backend-1.*: a restore comes before the services", capsys.readouterr().err)
    assert run(["shards", "restore", file, *home]) == 0, capsys.readouterr().err
    assert f"{stored:,} messages are back" in capsys.readouterr().out
    after = Supervision(stack.home).pids()
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"backend-1", "websocket-1"}


async def emptied(stack: StackDescription) -> int:
    """How many messages there were."""
    cluster = await Cluster.connect(stack.postgres)
    try:
        stored = await cluster.messages()
        await cluster.connection.execute('TRUNCATE dialog, dialogmessage, outbox, "user"')
        return stored
    finally:
        await cluster.close()


async def removed_by_hand(stack: StackDescription, port: int) -> None:
    """As step 9 does: the node is gone, and its server runs on."""
    cluster = await Cluster.connect(stack.postgres)
    try:
        await changes.remove(cluster, await cluster.worker(str(port)))
    finally:
        await cluster.close()


def test_a_pull_of_the_database_compares_stacks_that_differ_in_the_database_only():
    if citus.find() is None:
        pytest.skip(citus.MISSING)
    values = ("single", "citus")
    pulled = plan(lever="database", values=values, mode="stack", design="abab")
    with tempfile.TemporaryDirectory(prefix="lab-test-citus-") as name:
        Path(name).chmod(0o711)
        requests = {}
        for value in values:
            request = requested(pulled, value, Path(name) / value)
            requests[value] = replace(request, levers={**request.levers, "BROKER": "postgres"})
        with running(requests["single"]) as single, running(requests["citus"]) as sharded:
            homes: dict[Side, str] = {"a": "single", "a2": "single", "b": "citus"}
            arrangement = Arrangement(requests, homes, dict.fromkeys(homes))
            rig = StackRig(pulled, arrangement, {"single": single, "citus": sharded}, run_load)
            found = check_sides("database", pulled.of.effective, values, rig.effective())
    assert found["database_mode"] == values
