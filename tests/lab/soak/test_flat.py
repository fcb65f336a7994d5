"""A slope is judged by its whole interval: flat, growing, or not decided."""

import random

import pytest

from lab.soak.flat import settling_seconds, slope

SECONDS = [10.0 * number for number in range(120)]


def noisy(per_hour: float, noise: float, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [100 + per_hour * at / 3600 + chance.gauss(0, noise) for at in SECONDS]


def test_noise_around_a_level_is_flat():
    assert slope(SECONDS, noisy(0, 0.3), limit=8).word == "flat"


def test_a_leak_is_found_and_its_size_told():
    found = slope(SECONDS, noisy(20, 0.3), limit=8)
    assert found.word == "grows"
    assert found.low < 20 < found.high and found.per_hour == pytest.approx(20, abs=2)


def test_too_much_noise_decides_nothing():
    assert slope(SECONDS, noisy(8, 5), limit=8).word == "not decided"


def test_what_grows_while_it_settles_and_then_stands_is_flat():
    values = [100 + min(at, 200) / 10 for at in SECONDS]
    assert slope(SECONDS, values, limit=8).word == "flat"


def test_filling_rings_count_as_settling_as_far_as_enough_is_left():
    assert settling_seconds(1440, rate=60, dialogs=200) == pytest.approx(128 * 200 / 60 * 1.3)
    assert settling_seconds(1440, rate=600, dialogs=200) == 0.25 * 1440
    assert settling_seconds(600, rate=60, dialogs=200) == 0.6 * 600
    values = [100 + min(at, 550) / 10 for at in SECONDS]
    assert slope(SECONDS, values, limit=8).word != "flat"
    assert slope(SECONDS, values, limit=8, settling=555).word == "flat"


def test_a_single_jump_is_no_slope():
    values = noisy(0, 0.3)
    values[60:63] = [180, 180, 180]
    assert slope(SECONDS, values, limit=8).word == "flat"


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="expected 10"):
        slope(SECONDS[:8], [1.0] * 8, limit=8)
