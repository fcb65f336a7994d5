"""Users, machines and cost follow from the bracket by the printed formula."""

import math

import pytest

from lab.scaling.sizing import Assumptions, machines, needed_peak_rate, size, stage

GIVEN = Assumptions(actions_per_user_day=40, peak_factor=3, utilisation=0.7, price_per_machine_hour=0.05)


def test_users_follow_the_formula_by_hand():
    found = size(1_000, 1_100, GIVEN)
    # 1,000/s x 0.7 = 700/s at the peak, /3 = 233.3/s in the mean, x 86,400 s / 40 = 504,000 users
    assert found.users.low == pytest.approx(504_000)
    assert found.users.high == pytest.approx(554_400)


def test_cost_per_million_by_hand():
    # 233.3/s in the mean are 840,000 an hour: 0.05 / 0.84
    assert size(1_000, math.inf, GIVEN).cost_per_million.high == pytest.approx(0.0595, abs=0.0001)


def test_users_and_peak_rate_are_inverse():
    assert needed_peak_rate(504_000, GIVEN) == pytest.approx(700)
    assert machines(504_000, 1_000, GIVEN) == 1
    assert machines(504_001 * 2, 1_000, GIVEN) == 3


def test_nothing_held_is_no_plan():
    with pytest.raises(ValueError, match="nothing to plan"):
        size(0, 100, GIVEN)


@pytest.mark.parametrize(
    ("users", "name"),
    [
        (100_000, "one process"),
        (300_000, "one machine, several processes"),
        (900_000, "split over machines, one database"),
        (9_000_000, "sharded"),
    ],
)
def test_the_stage_is_the_smallest_that_carries_the_users(users, name):
    found = stage(users, 300, 700, 2_000, GIVEN)
    assert found.name == name
    assert "/s" in found.reason


def test_an_unmeasured_database_is_said_to_be_unmeasured():
    assert "was not measured" in stage(9_000_000, 300, 700, 0, GIVEN).reason
