"""CPU is listed under who caused it, also inside PostgreSQL."""

import asyncio
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lab.experiments.meter import OWN_WORK, Meter, Reading, postgres_for, worked_for
from lab.experiments.rig import fill
from lab.stack.description import Database, Process, StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from wire.tokens import Tokens


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    request = Request(
        tmp_path_factory.mktemp("s") / "home",
        api=2,
        websockets=0,
        replicas=1,
        own_levers={"backend-2": {"READ_ROUTING": "replica"}},
    )
    with running(request) as description:
        yield description


@pytest.mark.parametrize(
    ("client", "listed"),
    [
        ("backend-1", postgres_for("backend-1")),
        ("backend-10", postgres_for("backend-10")),
        ("backend-1-publisher", postgres_for("backend-1")),
        ("backend-10-publisher", postgres_for("backend-10")),
        ("backend-100", OWN_WORK),
        ("psql", OWN_WORK),
        (None, OWN_WORK),
    ],
)
def test_a_connection_is_of_the_service_that_it_names_not_of_one_whose_name_begins_alike(client, listed):
    assert worked_for(client, ["postgres", "backend-1", "backend-10"]) == listed


@pytest.mark.stack
async def test_work_is_listed_under_the_side_that_caused_it(stack):
    meter = await Meter.of(stack)
    try:
        before = await meter.read()
        await asyncio.to_thread(ask, stack.api[0], 60)
        spent = (await meter.read()).since(before)
    finally:
        await meter.close()
    assert spent["backend-1"] > 0.02
    assert spent["backend-2"] < spent["backend-1"] / 2
    assert spent[postgres_for("backend-1")] > spent[postgres_for("backend-2")]
    assert OWN_WORK in spent


@pytest.mark.stack
async def test_a_read_on_the_replica_is_charged_to_who_asked_for_it(stack):
    await asyncio.to_thread(fill, stack, 10, 20, 1)
    meter = await Meter.of(stack)
    try:
        await asyncio.to_thread(read_lists, stack, 20)  # connections are opened
        before = await meter.read()
        await asyncio.to_thread(read_lists, stack, 300)
        spent = (await meter.read()).since(before)
    finally:
        await meter.close()
    assert spent[postgres_for("backend-2")] > 3 * spent[OWN_WORK]


class Server:
    """A PostgreSQL that knows its clients; its connection to the meter is `own`."""

    def __init__(self, own: int, clients: dict[int, str]) -> None:
        self.own, self.clients = own, clients

    async def fetch(self, _query):
        return [{"pid": pid, "application_name": name} for pid, name in self.clients.items()]

    def get_server_pid(self):
        return self.own


async def test_every_server_is_asked_whom_its_processes_work_for(monkeypatch):
    servers: Any = [Server(11, {12: "backend-1"}), Server(21, {22: "backend-1", 23: "psql"})]
    stack = StackDescription(
        "multi", Path("/nowhere"), [], [], Database("h", 1, "u", "p", "d"), "s",
        processes=[
            *(Process(name, "postgres", 0, None) for name in ("postgres", "replica-1")),
            Process("backend-1", "backend", 0, None),
        ],
    )  # fmt: skip
    meter = Meter(stack, servers)
    pids = {"postgres": [10, 11, 12], "replica-1": [20, 21, 22, 23], "backend-1": [30]}
    monkeypatch.setattr(meter, "pids", lambda: pids)
    monkeypatch.setattr("lab.experiments.meter.cpu_seconds", lambda pids: float(pids[0]))
    assert (await meter.read()).by_name == {
        OWN_WORK: {10: 10.0, 20: 20.0, 23: 23.0},
        postgres_for("backend-1"): {12: 12.0, 22: 22.0},
        "backend-1": {30: 30.0},
    }


def test_cpu_of_a_process_that_was_listed_elsewhere_before_is_only_that_since():
    earlier = Reading({OWN_WORK: {7: 100.0}})
    assert Reading({"postgres for backend-1": {7: 101.0}}).since(earlier) == {"postgres for backend-1": 1.0}


@pytest.mark.stack
async def test_memory_is_of_every_process(stack):
    meter = await Meter.of(stack)
    try:
        memory = meter.memory_bytes()
    finally:
        await meter.close()
    assert set(memory) == {"postgres", "replica-1", "backend-1", "backend-2"}
    assert min(memory.values()) > 10 * 2**20


def read_lists(stack, times: int) -> None:
    """User 1 lists the dialog with user 2, by the API process that reads from the replica."""
    token = Tokens(stack.secret).make(1, 3600)
    request = urllib.request.Request(
        f"{stack.api[1]}/api/v1/dialog/2/list/", headers={"Authorization": f"Bearer {token}"}
    )
    for _ in range(times):
        urllib.request.urlopen(request).read()


def ask(api: str, times: int) -> None:
    body = b"username=nobody&password=wrong"
    for _ in range(times):
        urllib.request.urlopen(f"{api}/health").read()
        try:
            urllib.request.urlopen(f"{api}/api/v1/login", body)
        except urllib.error.HTTPError as error:
            assert error.code == 401
