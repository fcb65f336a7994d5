"""Every lie is a lie here and now: its figure and the truth are far apart, on a live server."""

import random

import pytest

from lab.cli import run
from lab.lies.clients import arrivals, percentile
from lab.lies.told import Told, lies

pytestmark = pytest.mark.integration  # each shows itself on a live server
SCALE = 0.3


async def told(name: str) -> Told:
    return await lies()[name].show(lambda line: None, SCALE)


def test_there_are_at_least_six():
    assert len(lies()) >= 6


@pytest.mark.parametrize("name", list(lies()))
def test_every_page_says_lie_truth_and_what_to_do(name):
    page = lies()[name].__doc__ or ""
    for part in ("The lie:", "The truth:", "Where you meet it:", "What to do:"):
        assert part in page


async def test_a_closed_loop_omits_the_stall():
    found = await told("coordinated_omission")
    assert found.truth > 300
    assert found.truth > 3 * found.lie


async def test_a_closed_loop_hides_saturation():
    found = await told("closed_loop_saturation")
    assert found.truth > 2 * found.lie


async def test_the_best_of_n_flatters():
    found = await told("best_of_n")
    assert found.lie < found.truth


async def test_averaged_percentiles_hide_a_stall():
    found = await told("averaged_percentiles")
    assert found.lie < found.truth / 1.5


async def test_lockstep_users_make_their_own_queue():
    found = await told("lockstep_users")
    assert found.lie > 3 * found.truth


async def test_dropped_timeouts_look_fast():
    found = await told("dropped_timeouts")
    assert found.truth > found.lie


async def test_the_second_run_finds_a_warm_cache():
    found = await told("cold_against_warm")
    assert found.lie > 2 * found.truth


async def test_a_connection_for_each_request_costs():
    found = await told("keep_alive")
    assert found.lie > 1.2 * found.truth


async def test_refusals_are_fast():
    found = await told("failing_fast")
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
