"""The verdict on made-up sessions: the instrument's acceptance tests in their short form."""

import re
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from lab.statistics import Effect
from lab.verdict import LOOKS, Guard, Pair, Record, Verdict, judge, judge_sessions
from lab.verdict_words import change, prediction_came_true


def session(rng, *, effect=1.0, spread=0.02, n=30, order_bias=1.0, design="together", tails=None):
    """Pairs of a made-up session: B = A x effect, log-normal noise, the second place x order_bias."""
    pairs = []
    orders: list[Literal["ab", "ba", "together"]] = (
        ["together"] * n if design == "together" else _balanced(rng, n)
    )
    for number in range(n):
        noise = rng.normal(0, spread, 2) if tails is None else rng.standard_t(tails, 2) * spread
        a, b = 10 * np.exp(noise[0]), 10 * effect * np.exp(noise[1])
        if orders[number] == "ab":
            b *= order_bias
        elif orders[number] == "ba":
            a *= order_bias
        pairs.append(Pair(number, float(a), float(b), orders[number]))
    return pairs


def _balanced(rng, n):
    orders = []
    for _ in range(n // 2):
        orders += list(rng.permutation(["ab", "ba"]))
    return orders


def run(pairs, floor, *, metric="cpu_per_1k", guards=(), samples=None, looks=LOOKS) -> Verdict:
    """What a session says that stops at the first look which decides."""
    for look in looks:
        verdict = judge(Record(metric, pairs[:look], floor[:look], guards, samples, looks))
        if verdict.decided or verdict.word == "INVALID":
            break
    return verdict


@pytest.mark.parametrize("looks", [LOOKS, (6,)])
@pytest.mark.parametrize("spread", [0.014, 0.08])
def test_a_against_a_is_called_different_in_fewer_than_one_session_of_ten(spread, looks):
    rng = np.random.default_rng(11)
    words = [
        run(session(rng, spread=spread), session(rng, spread=spread), looks=looks).word for _ in range(60)
    ]
    assert sum(word in ("better", "worse") for word in words) <= 6


def test_planted_ten_percent_is_found_by_duet():
    rng = np.random.default_rng(12)
    verdicts = [run(session(rng, effect=1.10), session(rng)) for _ in range(20)]
    assert sum(verdict.word == "worse" for verdict in verdicts) >= 19
    for verdict in verdicts:
        assert verdict.effect is not None
        assert 1.05 < verdict.effect.ratio < 1.15


def test_planted_ten_percent_is_better_where_higher_is_better():
    rng = np.random.default_rng(13)
    assert run(session(rng, effect=1.10), session(rng), metric="capacity").word == "better"


def test_small_noise_around_nothing_is_same_within_the_margin():
    rng = np.random.default_rng(14)
    verdict = run(session(rng, spread=0.004), session(rng, spread=0.004))
    assert verdict.word == "same within the margin"
    assert verdict.margin == 0.02


@pytest.mark.parametrize("pairs", [6, 11])
def test_fewer_than_twelve_pairs_never_show_sameness(pairs):
    rng = np.random.default_rng(14)
    few, floor = session(rng, spread=0.004, n=pairs), session(rng, spread=0.004, n=pairs)
    verdict = judge(Record("cpu_per_1k", few, floor, looks=(6,)))
    assert verdict.word == "no difference shown"
    assert [caveat.name for caveat in verdict.caveats] == ["too few for sameness"]


def test_a_real_change_below_the_margin_is_the_same_and_says_so():
    rng = np.random.default_rng(15)
    verdict = run(session(rng, effect=1.01, spread=0.001), session(rng, spread=0.001))
    assert verdict.word == "same within the margin"
    assert [caveat.name for caveat in verdict.caveats] == ["real but small"]


def test_sameness_has_a_margin_of_its_own_whatever_the_noise_of_a_against_a():
    rng = np.random.default_rng(15)
    pairs = shifted(session(rng, spread=0.002), 0.97)
    calm, noisy = session(rng, spread=0.002), session(rng, spread=0.2)
    assert judge(Record("cpu_per_1k", pairs, calm)).word == "better"  # beyond 2 %, which A against A allows
    same = judge(Record("cpu_per_1k", pairs, noisy))
    assert same.word == "same within the margin"
    assert "real but small" in [caveat.name for caveat in same.caveats]
    assert judge(Record("cpu_per_1k", shifted(pairs, 0.97), noisy)).word == "no difference shown"


@pytest.mark.parametrize("spread", [0.014, 0.03, 0.06])
def test_a_planted_six_percent_is_called_the_same_in_fewer_than_one_session_of_twenty(spread):
    rng = np.random.default_rng(17)
    words = [
        run(session(rng, effect=1.06, spread=spread), session(rng, spread=spread)).word for _ in range(60)
    ]
    assert words.count("same within the margin") <= 3


def test_what_sides_share_that_slow_each_other_shows_no_sameness_and_says_why():
    rng = np.random.default_rng(14)
    near, floor = session(rng, spread=0.004), session(rng, spread=0.004)
    assert judge(Record("p50", near, floor)).word == "same within the margin"
    verdict = judge(Record("p50", near, floor, shared=True))
    assert verdict.word == "no difference shown"
    assert [caveat.name for caveat in verdict.caveats] == ["shared by the sides"]
    assert judge(Record("p50", shifted(near, 1.3), floor, shared=True)).word == "worse"
    seen = judge(Record("p50", shifted(near, 1.018), floor, shared=True))
    assert seen.word == "no difference shown" and "was seen, and sides that share a database" in seen.sentence


def test_noise_says_how_large_a_difference_could_still_hide():
    rng = np.random.default_rng(16)
    verdict = run(session(rng, spread=0.3), session(rng, spread=0.05))
    assert verdict.word == "no difference shown"
    assert "it could be up to" in verdict.sentence


def test_the_margin_is_never_below_what_a_against_a_can_look_like():
    rng = np.random.default_rng(17)
    verdict = judge(Record("cpu_per_1k", session(rng, effect=1.06, spread=0.005), session(rng, effect=1.08)))
    assert verdict.margin is not None and verdict.margin > 0.06
    assert verdict.word not in ("better", "worse")
    assert "biased sides" in [caveat.name for caveat in verdict.caveats]


def shifted(pairs, ratio):
    """Pairs whose ratios are all multiplied."""
    return [replace(pair, b=pair.b * ratio) for pair in pairs]


@pytest.mark.parametrize(("twin", "word"), [(1.02, "no difference shown"), (1.12, "worse")])
def test_where_twins_differ_b_must_be_told_from_both(twin, word):
    rng = np.random.default_rng(17)
    pairs, floor = session(rng, effect=1.15, spread=0.005), session(rng, effect=1.03, spread=0.005)
    verdict = judge(Record("cpu_per_1k", pairs, floor, twin_pairs=shifted(pairs, twin / 1.15)))
    assert verdict.word == word
    names = [caveat.name for caveat in verdict.caveats]
    assert "biased sides" in names
    assert ("twins disagree" in names) == (word != "worse")
    assert judge(Record("cpu_per_1k", pairs, floor)).word == "no difference shown"  # the twin was not asked


def test_a_difference_must_lie_beyond_what_a_against_a_shows_with_its_whole_interval():
    rng = np.random.default_rng(26)
    pairs, floor = session(rng, effect=1.12, spread=0.05, n=12), session(rng, spread=0.05, n=12)
    verdict = judge(Record("cpu_per_1k", pairs, floor))
    effect, margin = verdict.effect, verdict.margin
    assert effect is not None and margin is not None
    assert effect.ratio - 1 > margin > effect.low - 1 > 0  # the median is beyond it, the near end is not
    assert verdict.word == "no difference shown"
    assert "was seen, perhaps within the noise of A against A" in verdict.sentence
    assert judge(Record("cpu_per_1k", shifted(pairs, 1.1), floor)).word == "worse"


@pytest.mark.parametrize("bias", [1.05, 1.3])
def test_an_order_biased_fake_gives_no_verdict(bias):
    rng = np.random.default_rng(18)
    for _ in range(10):
        pairs = session(rng, order_bias=bias, design="abab", spread=0.02)
        assert run(pairs, session(rng)).word in ("INVALID", "no difference shown")


def test_an_effect_is_still_found_under_a_small_order_bias():
    rng = np.random.default_rng(19)
    assert run(session(rng, effect=1.4, order_bias=1.05, design="abab"), session(rng)).word == "worse"


def test_pairs_of_one_order_only_are_invalid():
    pairs = [Pair(number, 10.0 + number % 3, 12.0, "ab") for number in range(12)]
    floor = [Pair(number, 10.0, 10.0 + number % 2, "ab") for number in range(12)]
    verdict = judge(Record("cpu_per_1k", pairs, floor))
    assert verdict.word == "INVALID"
    assert "began with A" in verdict.sentence


def test_a_failed_guard_is_invalid_and_no_figure_is_claimed():
    rng = np.random.default_rng(20)
    guard = Guard("achieved", False, "achieved 0.71 of the offered rate, 0.99 is the least")
    verdict = run(session(rng, effect=2), session(rng), guards=[guard])
    assert verdict.word == "INVALID"
    assert verdict.effect is None
    assert "0.71" in verdict.sentence


def test_a_high_percentile_of_few_samples_is_invalid():
    rng = np.random.default_rng(21)
    assert run(session(rng, effect=2), session(rng), metric="p99", samples=1_999).word == "INVALID"
    assert run(session(rng, effect=2), session(rng), metric="p99", samples=2_000).word == "worse"


def test_without_a_floor_there_is_no_verdict():
    rng = np.random.default_rng(22)
    assert judge(Record("cpu_per_1k", session(rng, effect=2), [])).word == "INVALID"


def test_fewer_pairs_than_the_first_look_are_invalid():
    rng = np.random.default_rng(23)
    assert judge(Record("cpu_per_1k", session(rng, effect=2, n=11), session(rng))).word == "INVALID"


@pytest.mark.parametrize(
    ("effect", "expected", "answer"),
    [(1.2, "up", "came true"), (1.2, "down", "did not come true"), (1.0, "same", "came true")],
)
def test_a_prediction_is_held_against_the_verdict(effect, expected, answer):
    rng = np.random.default_rng(24)
    verdict = run(session(rng, effect=effect, spread=0.004), session(rng, spread=0.004))
    assert prediction_came_true(expected, verdict.word, verdict.effect).startswith(answer)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [LOOKS, (6,)])
@pytest.mark.parametrize("tails", [None, 2])
@pytest.mark.timeout(600)
def test_a_against_a_over_many_sessions(tails, looks):
    rng = np.random.default_rng(25)
    wrong = 0
    for _ in range(400):
        pairs = session(rng, spread=0.05, tails=tails)
        floor = session(rng, spread=0.05, tails=tails)
        wrong += run(pairs, floor, looks=looks).word in ("better", "worse")
    assert wrong / 400 <= 0.05  # 10 % is demanded; the floor and two agreeing tests keep far below


def test_an_interval_has_one_notation():
    assert change(Effect(2.04, 1.921, 2.06, 0.01, 6)) == "2.0x (1.92x to 2.1x)"
    assert change(Effect(1.6, 1.2, 2.5, 0.01, 6)) == "+60.0 % (+20.0 % to +150.0 %)"


def sessions_of(*effects, twins=(1.0, 1.003, 0.997), metric="cpu_per_1k"):
    """A verdict for each session: its median, and that of A against A."""
    return [
        Verdict(metric, "worse", "", Effect(one, one, one, 0.001, 12), Effect(twin, twin, twin, 0.5, 12))
        for one, twin in zip(effects, twins, strict=True)
    ]


@pytest.mark.parametrize(
    ("effects", "word"),
    [
        ((1.30, 1.32, 1.28), "worse"),
        ((0.75, 0.76, 0.74), "better"),
        ((1.01, 1.0, 1.005), "same within the margin"),
        ((1.02, 1.30, 1.10), "no difference shown"),
    ],
)
def test_sessions_together_are_called_by_the_interval_over_them(effects, word):
    verdict = judge_sessions(sessions_of(*effects), "off", "on")
    assert verdict.word == word
    assert "3 sessions" in verdict.sentence


def test_a_change_within_what_a_against_a_does_from_session_to_session_is_not_claimed():
    verdict = judge_sessions(sessions_of(1.06, 1.065, 1.07, twins=(1.04, 0.97, 1.05)))
    assert verdict.word == "no difference shown"
    assert "within the noise of A against A" in verdict.sentence


def test_sessions_in_which_the_sides_share_what_slows_them_are_never_the_same_together():
    alike = sessions_of(1.0, 1.002, 0.999, metric="p50")
    assert judge_sessions(alike).word == "same within the margin"
    assert judge_sessions(alike, shared=True).word == "no difference shown"


def test_the_sentence_of_sessions_says_how_far_one_more_may_lie():
    said = judge_sessions(sessions_of(1.30, 1.32, 1.28)).sentence
    low, high = (float(one) for one in re.findall(r"\+([\d.]+) %", said)[-2:])
    assert low < 28 and high > 32


@pytest.mark.parametrize("sessions", [3, 6])
def test_a_against_a_over_sessions_is_called_different_in_fewer_than_one_series_of_twenty(sessions):
    rng = np.random.default_rng(4)
    called = 0
    for _ in range(400):
        told = np.exp(rng.normal(0, 0.025, (2, sessions)))
        called += judge_sessions(sessions_of(*told[0], twins=told[1])).word in ("better", "worse")
    assert called < 20
