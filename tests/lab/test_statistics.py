"""The statistics on made-up records with known answers."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.statistics import (
    between_sessions,
    drift,
    effect_of,
    log_ratios,
    one_more_session,
    order_difference,
    over_sessions,
    resolution,
)

figures = st.floats(0.01, 1e6, allow_nan=False)


def test_a_constant_ratio_is_found_exactly():
    a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    effect = effect_of(log_ratios(a, [1.1 * x for x in a]))
    assert effect.ratio == pytest.approx(1.1)
    assert effect.low == pytest.approx(1.1, rel=1e-6)
    assert effect.high == pytest.approx(1.1, rel=1e-6)


def test_one_wild_trial_does_not_move_the_effect():
    ratios = [math.log(1.05)] * 11 + [math.log(40)]
    assert effect_of(ratios).ratio == pytest.approx(1.05)


@given(st.lists(st.tuples(figures, figures), min_size=5, max_size=30))
@example([(1.0, 1.0), (1.0, 1.0), (1.0, 2.0), (1.0, 10.0), (10.0, 1.0)])  # ten times either way: a tie
@settings(max_examples=40, deadline=None)
def test_swapping_the_sides_inverts_the_effect(pairs):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    forth, back = effect_of(log_ratios(a, b)), effect_of(log_ratios(b, a))
    assert forth.ratio == pytest.approx(1 / back.ratio, rel=1e-9)
    assert forth.p_value == pytest.approx(back.p_value, abs=1e-9)


@given(st.lists(st.tuples(figures, figures), min_size=5, max_size=30), st.floats(0.001, 1000))
@settings(max_examples=40, deadline=None)
def test_the_unit_of_a_figure_does_not_matter(pairs, unit):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    scaled = effect_of(log_ratios([x * unit for x in a], [y * unit for y in b]))
    assert scaled.ratio == pytest.approx(effect_of(log_ratios(a, b)).ratio, rel=1e-6)


@given(st.lists(st.floats(-3, 3), min_size=5, max_size=30))
@settings(max_examples=40, deadline=None)
def test_the_interval_holds_the_effect(ratios):
    effect = effect_of(ratios)
    assert effect.low <= effect.ratio * (1 + 1e-9)
    assert effect.ratio <= effect.high * (1 + 1e-9)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_figure_without_a_ratio_is_refused(bad):
    with pytest.raises(ValueError, match="no ratio"):
        log_ratios([1.0, bad], [1.0, 1.0])


def test_few_pairs_have_no_interval():
    with pytest.raises(ValueError, match="expected 5"):
        effect_of([0.1] * 4)


def test_more_pairs_narrow_the_interval():
    rng = np.random.default_rng(3)
    ratios = list(rng.normal(0, 0.05, 200))
    few, many = effect_of(ratios[:12]), effect_of(ratios)
    assert many.high - many.low < few.high - few.low


def test_the_resolution_follows_spread_and_count():
    rng = np.random.default_rng(4)
    tight, wide = list(rng.normal(0, 0.02, 40)), list(rng.normal(0, 0.1, 40))
    assert resolution(tight, 12) < resolution(wide, 12)
    assert resolution(wide, 30) < resolution(wide, 12)
    assert 0.005 < resolution(tight, 12) < 0.03


def test_orders_that_differ_are_seen():
    apart, p = order_difference([0.1, 0.11, 0.09, 0.1, 0.12, 0.1], [-0.1, -0.09, -0.11, -0.1, -0.12, -0.1])
    assert apart == pytest.approx(math.exp(0.2) - 1, rel=0.01)
    assert p < 0.01


def test_a_ratio_that_grows_with_time_is_seen():
    rho, p = drift([i * 0.01 for i in range(12)])
    assert rho == pytest.approx(1)
    assert p < 0.01


def test_the_bootstrap_of_the_mean_cries_wolf_more_often_than_ours():
    # The pitfall: 12 heavy-tailed A/A ratios. Nominal 5 %; the mean's interval is too narrow.
    rng = np.random.default_rng(5)
    mean_wrong = ours_wrong = 0
    sessions = 400
    for number in range(sessions):
        ratios = rng.standard_t(2, 12) * 0.05
        draws = rng.choice(ratios, size=(1_000, 12)).mean(axis=1)
        low, high = np.quantile(draws, [0.025, 0.975])
        mean_wrong += low > 0 or high < 0
        if number < 150:
            effect = effect_of(list(ratios))
            ours_wrong += effect.excludes_one and effect.p_value <= 0.0221
    assert mean_wrong / sessions > 0.07
    assert ours_wrong / 150 < 0.05


@pytest.mark.parametrize("pairs", [6, 8, 12, 20, 30])
@pytest.mark.parametrize("tails", [None, 2])
def test_the_interval_covers_the_truth_as_often_as_it_says(pairs, tails):
    rng = np.random.default_rng(100 + pairs)
    sessions = 300
    covered = 0
    for _ in range(sessions):
        noise = rng.normal(size=pairs) if tails is None else rng.standard_t(tails, pairs)
        effect = effect_of(list(math.log(1.1) + 0.05 * noise))
        covered += effect.low <= 1.1 <= effect.high
    assert covered / sessions >= 0.94


def test_of_five_pairs_the_interval_is_their_range():
    effect = effect_of([0.0, 0.1, 0.2, 0.3, 0.4])
    assert (effect.low, effect.high) == pytest.approx((1.0, math.exp(0.4)))


def test_wilcoxon_is_scipy_s():
    ratios = [0.02, 0.03, -0.01, 0.05, 0.04, 0.01, 0.06]
    assert effect_of(ratios).p_value == pytest.approx(stats.wilcoxon(ratios).pvalue)


def test_what_sessions_scatter_by_beyond_their_own_pairs_is_found():
    rng = np.random.default_rng(1)

    def asked(deviation):
        """Twenty questions of three sessions; each session is off by its own luck."""
        return [[rng.normal(rng.normal(0.2, deviation), 0.03, size=12) for _ in range(3)] for _ in range(20)]

    calm, moved = between_sessions(asked(0.0)), between_sessions(asked(0.05))
    assert calm and moved
    assert calm.freedom == moved.freedom == 40
    assert calm.deviation < 0.01
    assert moved.deviation == pytest.approx(0.05, rel=0.35) and moved.deviation < moved.most < 0.09
    assert moved.another > calm.another
    assert between_sessions([[[0.1] * 12]]) is None


def test_a_second_session_lies_where_the_first_one_says_that_it_may():
    rng = np.random.default_rng(2)

    def session():
        return rng.normal(rng.normal(0.2, 0.04), 0.03, size=12)

    known = between_sessions([[session() for _ in range(3)] for _ in range(100)])
    assert known
    far = [abs(np.median(session()) - np.median(session())) for _ in range(1_000)]
    assert 0.92 < np.mean(np.exp(far) - 1 <= known.another) < 0.98


def test_an_interval_over_sessions_covers_the_truth_where_that_of_one_session_does_not():
    """Sessions scatter by 2 %, the pairs of each by 1.5 %: twelve pairs know nothing of the former."""
    rng = np.random.default_rng(5)
    truth = math.log(1.2)
    drawn = rng.normal(rng.normal(truth, 0.02, (2_000, 4, 1)), 0.015, (2_000, 4, 12))
    medians = np.median(drawn, axis=2)
    joint = [over_sessions(list(three)) for three in medians[:, :3]]
    assert 0.935 < np.mean([one.low <= 1.2 <= one.high for one in joint]) < 0.965
    more = [one_more_session(list(three)) for three in medians[:, :3]]
    fourth = np.exp(medians[:, 3])
    assert (
        0.935 < np.mean([low <= one <= high for (low, high), one in zip(more, fourth, strict=True)]) < 0.965
    )
    own = [effect_of(list(sessions[0])) for sessions in drawn[:100]]
    assert sum(one.low <= 1.2 <= one.high for one in own) < 70


def test_two_sessions_have_no_interval_and_three_alike_a_narrow_one():
    with pytest.raises(ValueError, match="2 sessions: expected 3 or more"):
        over_sessions([0.1, 0.1])
    alike = over_sessions([math.log(1.1)] * 3)
    assert [alike.low, alike.ratio, alike.high] == pytest.approx([1.1] * 3)
    assert alike.pairs == 3
