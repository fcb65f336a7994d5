"""The fit finds planted parameters, its bands hold the truth, and it refuses to look far ahead."""

import numpy as np
import pytest

from lab.scaling import usl


def points(*, gain=1_000.0, contention=0.08, coherency=0.01, spread=0.0, repeats=1, largest=8):
    rng = np.random.default_rng(3)
    return [
        (float(n), usl.law(float(n), gain, contention, coherency) * float(np.exp(rng.normal(0, spread))))
        for n in range(1, largest + 1)
        for _ in range(repeats)
    ]


def test_planted_parameters_are_found():
    curve = usl.fit(points())
    assert curve.gain == pytest.approx(1_000, rel=0.01)
    assert curve.contention == pytest.approx(0.08, abs=0.005)
    assert curve.coherency == pytest.approx(0.01, abs=0.001)
    assert curve.peak == pytest.approx(9.6, abs=0.3)


def test_the_band_holds_the_truth_under_noise():
    curve = usl.fit(points(spread=0.03, repeats=3))
    _, low, high = curve.at(6)
    assert low < usl.law(6.0, 1_000, 0.08, 0.01) < high


def test_far_extrapolation_is_refused():
    curve = usl.fit(points(largest=4))
    curve.at(8)
    with pytest.raises(usl.TooFar, match="measured up to 4"):
        curve.at(9)


def test_a_peak_out_of_reach_is_not_claimed():
    curve = usl.fit(points(coherency=0.0001))
    assert curve.peak is None
    assert "no peak within twice the measured range" in curve.sentence()


def test_three_points_are_not_a_curve():
    with pytest.raises(ValueError, match="needs 4"):
        usl.fit(points(largest=3))


def test_a_band_holds_its_own_value_also_of_wild_points():
    curve = usl.fit([(1, 3_620), (2, 2_387), (3, 1_492), (4, 3_620)])
    for n in (1, 2, 3, 4):
        value, low, high = curve.at(n)
        assert low <= value <= high


def test_more_that_only_harms_has_its_peak_at_one():
    curve = usl.fit([(1, 1_000), (2, 600), (3, 420), (4, 310)])
    assert curve.peak == 1
    assert "most at about 1.0" in curve.sentence()
