"""Schedules are balanced, random, and the same for the same seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.trials.schedule import ORDERS, RENEW_EVERY, SIDES, balanced_orders, schedule

seeds = st.integers(0, 2**32)
rounds = st.integers(1, 40)


@given(seeds, rounds)
def test_every_round_measures_every_side_once(seed, count):
    for design in ("duet", "abab", "restart"):
        by_round: dict[int, list[str]] = {}
        for step in schedule(design, count, seed, RENEW_EVERY[design]):
            by_round.setdefault(step.round, []).extend(step.sides)
        assert len(by_round) == count
        assert all(sorted(sides) == sorted(SIDES) for sides in by_round.values())


@given(seeds)
def test_six_rounds_hold_every_order_once(seed):
    assert Counter(balanced_orders(12, seed)) == dict.fromkeys(ORDERS, 2)


@given(seeds, rounds)
def test_a_and_b_begin_equally_often_at_every_look(seed, count):
    first = sum(order.index("a") < order.index("b") for order in balanced_orders(count, seed))
    assert abs(first - (count - first)) <= 1


@given(seeds, rounds, rounds)
def test_a_longer_session_begins_like_the_shorter(seed, one, other):
    short, long = sorted((one, other))
    assert balanced_orders(long, seed)[:short] == balanced_orders(short, seed)


def test_seeds_give_different_orders():
    assert len({tuple(balanced_orders(12, seed)) for seed in range(20)}) > 15


def test_duet_runs_all_sides_at_once_and_renews_the_processes():
    steps = schedule("duet", 12, 1, renew_every=4)
    assert all(sorted(step.sides) == sorted(SIDES) for step in steps)
    assert [step.number for step in steps if step.fresh] == [0, 4, 8]
    assert len({step.sides for step in steps[:4]}) == 1


@given(seeds)
def test_in_a_duet_each_side_has_each_process_equally_often(seed):
    steps = schedule("duet", 12, seed, RENEW_EVERY["duet"])
    assert all(step.fresh for step in steps)
    for place in range(3):
        assert Counter(step.sides[place] for step in steps) == dict.fromkeys(SIDES, 4)


def test_restart_renews_before_every_trial():
    assert all(step.fresh for step in schedule("restart", 12, 1, 1))


def test_abab_renews_only_between_rounds():
    assert all(step.place == 0 for step in schedule("abab", 12, 1, 3) if step.fresh)


def test_a_schedule_without_rounds_is_refused():
    with pytest.raises(ValueError, match="rounds=0"):
        schedule("duet", 0, 1, 1)
