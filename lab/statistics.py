"""From one number a trial to an effect with its interval: log ratios, their median, bootstrap and Wilcoxon.

Never pooled requests: the requests of one trial share its luck, so that a thousand of them are one
observation. Why the median and not the mean: with a dozen heavy-tailed ratios the bootstrap of the mean
is too narrow (tests/lab/test_statistics.py shows how often it cries wolf).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 4_999
LEAST_SESSIONS = 3  # of two Student's interval is thirteen times as wide as they are apart
DIGITS = 12  # of a log ratio, after the point: coarser than the last digits of a double, finer than any clock


@dataclass(frozen=True)
class Effect:
    """B against A as a ratio: 1.10 means B's figure is 10 % above A's; `low` and `high` bound it."""

    ratio: float
    low: float
    high: float
    p_value: float
    pairs: int

    @property
    def excludes_one(self) -> bool:
        return self.low > 1 or self.high < 1

    @property
    def factor(self) -> float:
        """How much it moved, whichever way: 1 or more."""
        return max(self.ratio, 1 / self.ratio)

    @property
    def least_change(self) -> float:
        """The least that it allows, as a share: of its end nearer to 1, and 0 where 1 is inside."""
        return max(self.low - 1, 1 - self.high, 0.0)

    @property
    def largest_change(self) -> float:
        """The largest change that the interval allows, as a share: 0.03 for an interval of 0.98 .. 1.03."""
        return max(abs(self.low - 1), abs(self.high - 1))


def log_ratios(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """log(b / a) of each pair. Raises ValueError unless all figures are positive and paired.

    Swapping the sides changes nothing but the signs, and what is as far from 0 is exactly as far: the rank
    test looks for ties, and a last digit must not break one.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} figures against {len(b)}: expected pairs")
    if any(not value > 0 or math.isinf(value) for value in (*a, *b)):
        raise ValueError("a figure that is zero, negative or missing has no ratio")
    return [round(math.log(right) - math.log(left), DIGITS) for left, right in zip(a, b, strict=True)]


def effect_of(ratios: Sequence[float], seed: int = 1, confidence: float = CONFIDENCE) -> Effect:
    """The median of the log ratios with its interval and Wilcoxon's p.

    The interval is what bootstrap (percentile) and the exact test of the median leave open together: the
    bootstrap alone, of a dozen ratios, covers the truth in 93 sessions of 100 where 95 are promised.

    Needs 5 pairs or more, below which no interval means anything; raises ValueError.
    """
    values = np.asarray(ratios, dtype=float)
    if len(values) < 5:
        raise ValueError(f"{len(values)} pairs: expected 5 or more")
    median = float(np.median(values))
    if np.ptp(values) == 0:
        p = 1.0 if median == 0 else 2.0 ** (1 - len(values))
        return Effect(math.exp(median), math.exp(median), math.exp(median), p, len(values))
    found = stats.bootstrap(
        (values,),
        np.median,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
        vectorized=True,
    ).confidence_interval
    low, high = exact_interval(values, confidence)
    p = float(stats.wilcoxon(values).pvalue)
    return Effect(
        math.exp(median), math.exp(min(found.low, low)), math.exp(max(found.high, high)), p, len(values)
    )


def exact_interval(values: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of the median that needs no assumption: two of the values, by the binomial law.

    Of 5 values no two are far enough out for 95 %: then the lowest and the highest.
    """
    found = stats.quantile_test(values, p=0.5).confidence_interval(confidence)
    low, high = float(found.low), float(found.high)
    return (
        low if math.isfinite(low) else float(values.min()),
        high if math.isfinite(high) else float(values.max()),
    )


def over_sessions(medians: Sequence[float], confidence: float = CONFIDENCE) -> Effect:
    """The mean of what sessions say, a log ratio each, with Student's interval; `pairs` counts the sessions.

    The session is the unit: whatever a session draws once (users, processes, minutes of the machine) is in
    the interval, however many pairs each has. Needs 3 or more; raises ValueError.
    """
    values = _sessions(medians)
    mean = math.exp(float(values.mean()))
    if np.ptp(values) == 0:
        return Effect(mean, mean, mean, 1.0 if mean == 1 else 0.0, len(values))
    found = stats.ttest_1samp(values, 0.0)
    low, high = found.confidence_interval(confidence)
    return Effect(mean, math.exp(low), math.exp(high), float(found.pvalue), len(values))


def one_more_session(medians: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Between which ratios one more session lies: wider than the interval of the mean, of three twice."""
    values = _sessions(medians)
    reach = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * float(values.std(ddof=1))
    reach *= math.sqrt(1 + 1 / len(values))
    return math.exp(float(values.mean()) - reach), math.exp(float(values.mean()) + reach)


def _sessions(medians: Sequence[float]) -> NDArray[np.float64]:
    if len(medians) < LEAST_SESSIONS:
        raise ValueError(f"{len(medians)} sessions: expected {LEAST_SESSIONS} or more")
    return np.asarray(medians, dtype=float)


@dataclass(frozen=True)
class Between:
    """How far sessions lie apart beyond what each knows of itself. Standard deviations of log ratios.

    `deviation` is estimated with `freedom` degrees of freedom and may be up to `most` (95 %, one-sided);
    `within` is that of the median of one session.
    """

    deviation: float
    most: float
    within: float
    freedom: int

    @property
    def another(self) -> float:
        """How far a second session may lie from a first one, at 95 %, as a share."""
        spread = math.sqrt(2 * (self.deviation**2 + self.within**2))
        return math.exp(float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom)) * spread) - 1


def between_sessions(questions: Sequence[Sequence[Sequence[float]]]) -> Between | None:
    """The log ratios of each session of each question; None where no question has two sessions.

    One-way random effects by the method of moments, pooled over the questions: what the sessions' medians
    scatter by, less what they would by the pairs alone.
    """
    again = [[np.asarray(one, dtype=float) for one in each] for each in questions if len(each) > 1]
    if not again:
        return None
    freedom = sum(len(each) - 1 for each in again)
    scatter = sum(float(np.var([np.median(one) for one in each])) * len(each) for each in again)
    own = sum(
        float(np.mean([_error_of_median(one) ** 2 for one in each])) * (len(each) - 1) for each in again
    )
    largest = scatter / float(stats.chi2.ppf(1 - CONFIDENCE, freedom))
    return Between(
        math.sqrt(max(0.0, (scatter - own) / freedom)),
        math.sqrt(max(0.0, largest - own / freedom)),
        math.sqrt(own / freedom),
        freedom,
    )


def _error_of_median(values: NDArray[np.float64], seed: int = 1) -> float:
    """The standard error of the median, by bootstrap."""
    if np.ptp(values) == 0:
        return 0.0
    found = stats.bootstrap(
        (values,), np.median, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    )
    return float(found.standard_error)


def resolution(ratios: Sequence[float], pairs: int, seed: int = 1, sessions: int = 400) -> float:
    """Half the width of the interval that `pairs` pairs with this spread would have, as a share.

    Of sessions drawn from the ratios themselves the median one: what a session of that length can resolve.
    """
    values = np.asarray(ratios, dtype=float)
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(values, size=(sessions, pairs)), axis=1)
    low, high = (round(place) for place in exact_interval(np.arange(pairs, dtype=float)))
    return float(math.exp(np.median(drawn[:, high] - drawn[:, low]) / 2) - 1)


def order_difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """How far the ratios of the two orders (A first, B first) lie apart, as a share, and Mann-Whitney's p."""
    if len(first) < 3 or len(second) < 3:
        return 0.0, 1.0
    apart = math.exp(abs(float(np.median(first)) - float(np.median(second)))) - 1
    return apart, float(stats.mannwhitneyu(first, second).pvalue)


def drift(ratios: Sequence[float]) -> tuple[float, float]:
    """Spearman's correlation of the ratios with time, and its p."""
    return correlation(range(len(ratios)), ratios)


def correlation(left: Sequence[float], right: Sequence[float]) -> tuple[float, float]:
    """Spearman's, of two figures of the same trials, and its p; 0 and 1 of fewer than 8, or where one stays.

    Raises ValueError where they are not as many.
    """
    if len(left) != len(right):
        raise ValueError(f"{len(left)} figures beside {len(right)}: expected pairs")
    if len(left) < 8 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0, 1.0
    found = stats.spearmanr(left, right)
    return float(found.statistic), float(found.pvalue)
