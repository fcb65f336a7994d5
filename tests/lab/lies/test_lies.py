"""Every lie is a lie: its figure and the truth are far apart, with the real clients and the real server.

Both run on a clock of their own here, on which a busy machine is as quick as an idle one.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from lab.cli import run
from lab.lies import clients
from lab.lies.clients import Connections, arrivals, percentile
from lab.lies.server import Server
from lab.lies.told import Told, lies
from tests.lab.lies import own_clock

SCALE = 0.3


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[int]:
    """The server of the lies in this loop; its port."""
    serving: list[asyncio.Task[None]] = []
    state = Server()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        await state.connection(reader, writer)

    listening = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=4096)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
    await asyncio.gather(*serving)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    """Tells the lie of a name, on a clock of its own."""

    def show(name: str, event_seconds: float = 0.0) -> Told:
        lie = lies()[name]
        monkeypatch.setattr(lie, "server", server)
        return own_clock.run(lie.show(lambda line: None, SCALE), event_seconds)

    return show


@pytest.mark.integration
async def test_a_lie_is_told_to_a_process_of_its_own():
    async with clients.server() as port:
        connections = Connections(port)
        assert [await connections.get(path) for path in ("/work?service=0.001", "/tea")] == [200, 404]
        connections.close()
    found = await lies()["keep_alive"].show(lambda line: None, 0.05)
    assert found.lie > 0 and found.truth > 0


def test_there_are_at_least_six():
    assert len(lies()) >= 6


@pytest.mark.parametrize("name", list(lies()))
def test_every_page_says_lie_truth_and_what_to_do(name):
    page = lies()[name].__doc__ or ""
    for part in ("The lie:", "The truth:", "Where you meet it:", "What to do:"):
        assert part in page


def test_a_closed_loop_omits_the_stall(told):
    found = told("coordinated_omission")
    assert found.truth > 300
    assert found.truth > 3 * found.lie


def test_a_closed_loop_hides_saturation(told):
    found = told("closed_loop_saturation")
    assert found.truth > 2 * found.lie


def test_the_best_of_n_flatters(told):
    found = told("best_of_n")
    assert found.lie < found.truth


def test_averaged_percentiles_hide_a_stall(told):
    found = told("averaged_percentiles")
    assert found.lie < found.truth / 1.5


def test_lockstep_users_make_their_own_queue(told):
    found = told("lockstep_users")
    assert found.lie > 3 * found.truth


def test_dropped_timeouts_look_fast(told):
    found = told("dropped_timeouts")
    assert found.truth > found.lie


def test_the_second_run_finds_a_warm_cache(told):
    found = told("cold_against_warm")
    assert found.lie > 2 * found.truth


def test_a_connection_for_each_request_costs(told):
    found = told("keep_alive", event_seconds=0.0001)
    assert found.lie > 1.2 * found.truth


def test_refusals_are_fast(told):
    found = told("failing_fast")
    assert found.truth > 2 * found.lie


def test_arrivals_have_the_rate_that_was_asked_for():
    assert len(arrivals(1_000, 20, seed=1)) == pytest.approx(20_000, rel=0.03)
    assert arrivals(100, 2, seed=4) == arrivals(100, 2, seed=4)
    assert len(arrivals(100, 2, seed=1, lockstep=50)) == 200


def test_percentile_is_of_all_values_in_any_order():
    values = list(range(1, 101))
    random.Random(1).shuffle(values)
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100


def test_the_listing_names_every_lie(capsys):
    assert run(["lie"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in lies())


def test_an_unknown_lie_is_one_line(capsys):
    assert run(["lie", "white"]) == 2
    assert "expected one of" in capsys.readouterr().err
