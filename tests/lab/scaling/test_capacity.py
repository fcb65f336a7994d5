"""The search brackets the true capacity, forgives one bad second, and says who was the limit."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from lab.scaling.capacity import MOST_SPARED, Attempt, Bracket, Slo, search
from lab.scaling.measured import shape_of
from lab.stack.description import Database, Kind, Process, StackDescription

SLO = Slo(p99_seconds=0.1)


class Service:
    """Holds the SLO up to `limit`; `hiccups` are the attempts that fail whatever the rate."""

    def __init__(self, limit, hiccups=(), lag=0.0):
        self.limit, self.hiccups, self.lag, self.rates = limit, set(hiccups), lag, []

    async def __call__(self, rate):
        self.rates.append(rate)
        good = rate <= self.limit and len(self.rates) - 1 not in self.hiccups
        return Attempt(rate, 0.01 if good else 0.9, 1.0, 0.0, self.lag, "backend-1", 0.97)


class Moody(Service):
    """Holds up to `low` for sure, nothing above `high`; between them it fails twice and then holds."""

    def __init__(self, low, high):
        super().__init__(low)
        self.high = high

    async def __call__(self, rate):
        self.rates.append(rate)
        good = rate <= self.limit or (rate <= self.high and self.rates.count(rate) > 2)
        return Attempt(rate, 0.01 if good else 0.9, 1.0, 0.0)


@pytest.mark.parametrize("limit", [3, 150, 790, 12_345])
async def test_the_bracket_holds_the_true_capacity(limit):
    found = await search(Service(limit), 100, SLO)
    assert found.passes <= limit < found.fails
    assert found.fails / found.passes <= 1.1


async def test_one_bad_second_does_not_end_the_search():
    found = await search(Service(1_000, hiccups={1, 6}), 100, SLO)
    assert found.passes <= 1_000 < found.fails


@pytest.mark.parametrize("hiccups", [{1, 2}, {4, 5}, {7, 8, 9, 10}])
async def test_bad_seconds_in_a_row_move_no_end_for_good(hiccups):
    found = await search(Service(1_000, hiccups), 100, SLO)
    assert found.passes <= 1_000 < found.fails
    assert found.fails / found.passes <= 1.1


class Beside(Service):
    """Fails in the named attempts, while others use so many cores."""

    def __init__(self, limit, attempts, cores):
        super().__init__(limit, attempts)
        self.cores = cores

    async def __call__(self, rate):
        tried = await super().__call__(rate)
        return replace(tried, others_cores=self.cores if len(self.rates) - 1 in self.hiccups else 0.05)


async def test_what_failed_while_others_had_the_machine_is_made_again():
    alone, beside = Service(1_000), Beside(1_000, {1, 2, 3, 4}, cores=0.6)
    found, expected = await search(beside, 100, SLO), await search(alone, 100, SLO)
    assert (found.passes, found.fails, found.spared) == (expected.passes, expected.fails, 4)
    assert beside.rates[:5] == [100, 160, 160, 160, 160]
    assert len(found.attempts) == len(expected.attempts) == len(alone.rates)
    assert "4 tries that failed beside other programs made again" in found.sentence()
    assert "made again" not in expected.sentence()


@pytest.mark.parametrize("cores", [0.1, math.nan, math.inf])
async def test_what_failed_beside_nobody_that_was_seen_counts(cores):
    found = await search(Beside(1_000, {0, 1}, cores), 100, SLO)
    assert found.spared == 0


async def test_a_machine_that_stays_busy_is_measured_as_it_is():
    found = await search(Beside(1_000, range(999), cores=1.0), 100, SLO)
    assert (found.passes, found.spared) == (0, MOST_SPARED)


async def test_both_ends_are_tried_again_at_the_end():
    service = Service(500)
    found = await search(service, 100, SLO)
    assert service.rates[-2:] == [found.fails, found.passes]
    assert (service.rates.count(found.fails), service.rates.count(found.passes)) == (3, 2)


@pytest.mark.parametrize(
    ("answers", "held"),
    [
        ("FHFHF", False),
        ("FHHFH", True),
        ("FHHH", True),
        ("FF", False),
    ],
)
async def test_a_rate_does_what_it_did_in_most_of_its_tries(answers, held):
    said = iter(answers)

    async def attempt(rate):
        good = next(said, answers[-1]) == "H" if rate == 100 else rate < 100
        return Attempt(rate, 0.01 if good else 0.9, 1.0, 0.0)

    found = await search(attempt, 100, SLO, most=100)
    assert (found.passes == 100) is held
    assert len([one for one in found.attempts if one.rate == 100]) >= len(answers)
    assert next(said, "none left") == "none left"


async def test_a_search_that_ends_before_its_ends_were_tried_again_says_so():
    held = [Attempt(float(rate), 0.01, 1.0, 0.0) for rate in range(80, 101)]
    failed = [Attempt(110.0, 0.9, 1.0, 0.0)] * 3
    assert "before both ends were tried again" in Bracket(100.0, 110.0, SLO, [*held, *failed]).sentence()
    again = [*held[1:], held[-1], *failed]
    assert "tried again" not in Bracket(100.0, 110.0, SLO, again).sentence()
    assert "tried again" not in (await search(Service(500), 100, SLO)).sentence()


async def test_how_often_a_rate_held_is_said_where_tries_did_not_agree():
    attempts = [Attempt(100, p99, 1.0, 0.0) for p99 in (0.9, 0.01, 0.9, 0.01, 0.01)]
    attempts += [Attempt(110, p99, 1.0, 0.0) for p99 in (0.9, 0.9)]
    words = Bracket(100, 110, SLO, attempts, why="p99 900 ms").sentence()
    assert "100/s (held in 3 of 5 tries)" in words
    assert "110/s (failed: p99 900 ms)" in words


async def test_a_narrow_bracket_is_made_no_narrower_when_an_end_moves():
    moody = Moody(95, 110)
    found = await search(moody, 100, SLO)
    assert found.passes < 110 <= found.fails * 1.1
    tried = sorted(set(moody.rates))
    assert all(after / before > 1.04 for before, after in pairwise(tried)), tried


async def test_the_limit_is_named():
    found = await search(Service(500), 100, SLO)
    assert "backend-1 at 97% of what it may use" in found.sentence()
    assert "p99 900 ms, the SLO is 100 ms" in found.sentence()


def test_a_full_machine_is_the_limit_whichever_process_is_busiest():
    full = Attempt(2, 0.9, 1.0, 0.0, busiest="backend-1", busiest_share=0.31, machine_share=0.975)
    found = Bracket(1, 2, SLO, (full,), bottleneck="backend-1 at 31% of a core")  # as an older file says
    assert found.limit == "the machine (98% in use)"


async def test_a_lagging_generator_is_named_instead():
    found = await search(Service(500, lag=0.2), 100, SLO)
    assert found.generator_bound
    assert "the generator was 200 ms late itself" in found.sentence()


def test_a_generator_whose_core_is_full_is_the_limit():
    full = Attempt(2, 0.9, 1.0, 0.0, generator_share=0.95, machine_share=0.98)
    assert full.limit().startswith("the generator")


async def test_a_service_that_holds_nothing_gives_no_figure():
    found = await search(Service(0), 100, SLO)
    assert found.passes == 0
    assert "not even" in found.sentence()


async def test_a_search_that_never_fails_says_at_least():
    found = await search(Service(math.inf), 100, SLO, most=400)
    assert (found.passes, found.fails) == (400, math.inf)
    assert "capacity not reached: nothing failed up to 400/s" in found.sentence()


def test_the_shape_counts_nodes_of_rabbitmq_and_no_epmd():
    kinds: tuple[Kind, ...] = ("postgres", "epmd", "rabbitmq", "rabbitmq", "backend")
    processes = [Process(f"{kind}-{n}", kind, 1, None) for n, kind in enumerate(kinds)]
    stack = StackDescription("stack", Path(), [], [], Database("", 1, "", "", ""), "", processes)
    assert shape_of(stack) == {"postgres": 1, "rabbitmq": 2, "backend": 1}


def test_errors_and_missing_answers_fail_a_rate_too():
    assert "1.00% errors" in Attempt(100, 0.01, 1.0, 0.01).failure(SLO)
    assert "achieved 90.0%" in Attempt(100, 0.01, 0.9, 0.0).failure(SLO)
    assert "p99 nan" in Attempt(100, math.nan, 1.0, 0.0).failure(SLO)
