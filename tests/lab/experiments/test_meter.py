"""CPU is listed under who caused it, also inside PostgreSQL."""

import asyncio
import urllib.error
import urllib.request

import pytest

from lab.experiments.meter import OWN_WORK, Meter, postgres_for, worked_for
from lab.stack.host import running
from lab.stack.modes import Request


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with running(Request(tmp_path_factory.mktemp("s") / "home", api=2, websockets=0)) as description:
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
async def test_memory_is_of_every_process(stack):
    meter = await Meter.of(stack)
    try:
        memory = meter.memory_bytes()
    finally:
        await meter.close()
    assert set(memory) == {"postgres", "backend-1", "backend-2"}
    assert min(memory.values()) > 10 * 2**20


def ask(api: str, times: int) -> None:
    body = b"username=nobody&password=wrong"
    for _ in range(times):
        urllib.request.urlopen(f"{api}/health").read()
        try:
            urllib.request.urlopen(f"{api}/api/v1/login", body)
        except urllib.error.HTTPError as error:
            assert error.code == 401
