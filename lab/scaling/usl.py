"""Gunther's Universal Scalability Law: throughput over the number of workers, with its bands.

X(n) = gain * n / (1 + contention * (n - 1) + coherency * n * (n - 1))

contention  the share of work that only one can do at a time: the curve flattens
coherency   what every pair costs to agree: the curve falls again after its peak
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

LEAST_POINTS = 4  # distinct n; three parameters fit three points perfectly and say nothing
REACH = 2.0  # how far beyond the largest measured n a figure is given
BOOTSTRAPS = 400
BAND_POINTS = 25  # of a drawn curve


Amount = TypeVar("Amount", float, NDArray[np.float64])


class TooFar(ValueError):
    """A figure was asked for beyond what the measured points can carry."""


@dataclass(frozen=True)
class Curve:
    """A fitted law. `draws` are refits of resampled points: the bands come from them."""

    gain: float
    contention: float
    coherency: float
    largest: float
    draws: Sequence[tuple[float, float, float]]

    def at(self, n: float) -> tuple[float, float, float]:
        """Throughput at n: value, and the 95 % band. Raises TooFar beyond REACH x the largest n."""
        if n > self.largest * REACH:
            raise TooFar(
                f"n={n:g}: measured up to {self.largest:g}, a figure is given up to "
                f"{self.largest * REACH:g}; measure further"
            )
        drawn = [law(n, *draw) for draw in self.draws]
        low, high = np.quantile(drawn, [0.025, 0.975])
        return law(n, self.gain, self.contention, self.coherency), float(low), float(high)

    @property
    def peak(self) -> float | None:
        """The n with the highest throughput; None when it lies beyond what may be said."""
        if self.coherency <= 1e-9:
            return None
        n = max(1.0, math.sqrt(max(0.0, 1 - self.contention) / self.coherency))
        return n if n <= self.largest * REACH else None

    def sentence(self) -> str:
        """What the fit says, in words."""
        contention = _band([draw[1] for draw in self.draws])
        text = (
            f"one gives {self.gain:,.0f}/s; contention {self.contention:.1%} ({contention}), "
            f"coherency {self.coherency:.2%} ({_band([draw[2] for draw in self.draws])})"
        )
        if self.peak is None:
            return f"{text}; no peak within twice the measured range"
        return f"{text}; most at about {self.peak:.1f}"


def as_json(curve: Curve) -> dict[str, Any]:
    """The curve for a file: its words, its parameters, and its bands from 1 to the largest measured n."""
    grid = sorted({*np.linspace(1.0, curve.largest, BAND_POINTS).tolist()})
    return {
        "sentence": curve.sentence(),
        "gain": curve.gain,
        "contention": curve.contention,
        "coherency": curve.coherency,
        "band": [[n, *curve.at(n)] for n in grid],
    }


def law(n: Amount, gain: float, contention: float, coherency: float) -> Amount:
    """The law itself."""
    return gain * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def fit(points: Sequence[tuple[float, float]], seed: int = 1) -> Curve:
    """Fit (n, throughput) points; repeats of one n widen the bands as they should. Raises ValueError."""
    distinct = {n for n, _ in points}
    if len(distinct) < LEAST_POINTS:
        raise ValueError(f"{len(distinct)} different n: the law needs {LEAST_POINTS} or more")
    if any(not value > 0 for _, value in points):
        raise ValueError("a throughput of zero cannot be fitted")
    n = np.array([point[0] for point in points], dtype=float)
    measured = np.array([point[1] for point in points], dtype=float)
    best = _fit(n, measured)
    fitted = law(n, *best)
    residuals = np.log(measured / fitted)  # noise grows with the throughput, so residuals are ratios
    rng = np.random.default_rng(seed)
    inflate = math.sqrt(len(n) / max(1, len(n) - 3))
    draws = []
    for _ in range(BOOTSTRAPS):
        noise = (rng.choice(residuals, len(n)) - residuals.mean()) * inflate
        draws.append(_fit(n, fitted * np.exp(noise)))
    return Curve(*best, float(n.max()), tuple(draws))


def _fit(n: NDArray[np.float64], measured: NDArray[np.float64]) -> tuple[float, float, float]:
    start = (float(measured[np.argmin(n)] / n.min()), 0.05, 0.001)
    found, _ = curve_fit(
        lambda x, *parts: np.log(law(x, *parts)), n, np.log(measured),
        p0=start, bounds=([1e-9, 0, 0], [np.inf, 1, 1]), maxfev=5_000,
    )  # fmt: skip
    return float(found[0]), float(found[1]), float(found[2])


def _band(values: Sequence[float]) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"95 %: {low:.2%} to {high:.2%}"
