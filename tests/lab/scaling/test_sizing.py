"""Users, machines, cost and stage follow from the bracket by the printed formula, and stay brackets."""

import math
from dataclasses import replace

import pytest

from lab.scaling.capacity import Bracket, Slo
from lab.scaling.sizing import (
    Assumptions,
    Range,
    about,
    capacity,
    cost,
    machines,
    needed_peak_rate,
    over,
    size,
    stage,
)

GIVEN = Assumptions(actions_per_user_day=40, peak_factor=3, utilisation=0.7, price_per_machine_hour=0.05)
SINGLE, MACHINE = Range(300, 330), Range(700, 770)


def test_users_follow_the_formula_by_hand():
    found = size(Range(1_000, 1_100), GIVEN)
    # 1,000/s x 0.7 = 700/s at the peak, /3 = 233.3/s in the mean, x 86,400 s / 40 = 504,000 users
    assert found.users.low == pytest.approx(504_000)
    assert found.users.high == pytest.approx(554_400)


def test_cost_per_million_by_hand():
    # 233.3/s in the mean are 840,000 an hour: 0.05 / 0.84
    found = size(Range(1_000, math.inf), GIVEN)
    assert found.cost_per_million.high == pytest.approx(0.0595, abs=0.0001)
    assert found.cost_per_million.low == 0
    assert str(found.users) == "500,000 or more"


def test_users_and_peak_rate_are_inverse():
    assert needed_peak_rate(504_000, GIVEN) == pytest.approx(700)


def test_the_number_of_machines_is_a_bracket_too():
    assert machines(504_000, Range(1_000, 1_100), GIVEN) == Range(1, 1)
    assert machines(1_020_000, Range(1_000, 1_100), GIVEN) == Range(2, 3)
    assert machines(1_020_000, Range(1_000, math.inf), GIVEN) == Range(1, 3)


def test_the_cost_of_users_by_hand():
    # 504,000 users x 40 are 20.16 million a day, 0.84 million an hour
    an_hour, a_million = cost(504_000, Range(1, 2), GIVEN)
    assert (an_hour.low, an_hour.high) == pytest.approx((0.05, 0.10))
    assert (a_million.low, a_million.high) == pytest.approx((0.05 / 0.84, 0.10 / 0.84))


def test_a_capacity_is_bounded_above_by_what_the_stack_failed_at_not_the_generator():
    assert capacity(Bracket(100, 110, Slo())) == Range(100, 110)
    assert capacity(Bracket(100, 110, Slo(), generator_bound=True)) == Range(100, math.inf)
    assert capacity(Bracket(100, math.inf, Slo())) == Range(100, math.inf)


def test_several_searches_span_from_the_lowest_that_held_to_the_highest_that_failed():
    assert over([Bracket(100, 110, Slo()), Bracket(70, 77, Slo())]) == Range(70, 110)
    assert over([Bracket(100, 110, Slo()), Bracket(70, math.inf, Slo())]) == Range(70, math.inf)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1_814_870, 1_924_688, "1,800,000 to 2,000,000"),
        (3_601, 3_819, "3,600 to 3,900"),
        (0.7 * 1_000, 0.7 * 1_100, "700 to 770"),
        (1.5, 9.2, "1 to 10"),
        (2, 2, "2"),
        (0, 3, "0 to 3"),
    ],
)
def test_a_range_in_words_has_two_digits_and_holds_what_was_measured(low, high, words):
    assert str(Range(low, high)) == words


def test_a_rate_in_words_has_two_digits():
    assert [about(one) for one in (138.9, 3_601, 7.4)] == ["140", "3,600", "7"]


def test_nothing_held_is_no_plan():
    with pytest.raises(ValueError, match="nothing to plan"):
        capacity(Bracket(0, 100, Slo()))


@pytest.mark.parametrize(
    ("users", "name"),
    [
        (100_000, "one process"),
        (300_000, "one machine, several processes"),
        (900_000, "split over machines, one database"),
        (9_000_000, "sharded"),
    ],
)
def test_the_stage_is_the_smallest_that_was_seen_to_carry_the_users(users, name):
    found = stage(users, SINGLE, MACHINE, replace(GIVEN, write_bound=2_000))
    assert found.name == name
    assert "/s" in found.reason


def test_a_smaller_stage_between_held_and_failed_is_not_called_too_small():
    users = 160_000  # 222/s: 70 % of 317/s
    assert (
        "one process may be enough: it held 300/s, and 330/s was seen to fail"
        in stage(users, SINGLE, MACHINE, GIVEN).reason
    )
    assert (
        "one process is not enough: 70% of the 330/s at which it failed is less"
        in stage(2 * users, SINGLE, MACHINE, GIVEN).reason
    )
    open_end = Range(300, math.inf)
    assert "nothing of it was seen to fail" in stage(users, open_end, MACHINE, GIVEN).reason


def test_what_was_not_measured_is_said_and_nothing_is_claimed_of_it():
    alone = stage(300_000, None, MACHINE, GIVEN)
    assert alone.name == "one machine, several processes"
    assert "whether one process is enough was not measured" in alone.reason
    beyond = stage(300_000, SINGLE, None, GIVEN)
    assert beyond.name == "several processes"
    assert "what one machine carries with several was not measured" in beyond.reason
    assert "nobody said (--write-bound)" in stage(9_000_000, SINGLE, MACHINE, GIVEN).reason


def test_every_assumption_is_listed_with_the_option_that_changes_it():
    options = [option for _, _, option in GIVEN.lines()]
    assert options == ["--actions", "--peak", "--utilisation", "--price", "--write-bound"]
    assert "2,000/s" in str(replace(GIVEN, write_bound=2_000).lines())
