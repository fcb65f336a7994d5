"""What one trial found out about one side, and how observations become pairs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.trials.schedule import Side
from lab.verdict import Guard, Order, Pair


@dataclass(frozen=True)
class Observation:
    """One side in one trial: one number a metric.

    `samples` is the number of answers behind the percentiles, `delivery_samples` that of deliveries
    behind those of a delivery (None in older files: then `samples` counts what the lever is about).
    `at` is unix seconds of its begin, `pressure` the share of time in which tasks waited for a core.
    `detail` holds what reports draw (CPU per process, percentiles), and nothing that a verdict needs.
    """

    round: int
    place: int
    side: Side
    at: float
    metrics: Mapping[str, float]
    samples: int
    pressure: float = 0.0
    guards: Sequence[Guard] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    delivery_samples: int | None = None

    def samples_of(self, metric: str) -> int:
        """How many are behind this metric."""
        if metric.startswith("delivery") and self.delivery_samples is not None:
            return self.delivery_samples
        return self.samples


def by_round(observations: Iterable[Observation]) -> dict[int, dict[Side, Observation]]:
    """The complete rounds, in order: those in which every side was measured."""
    rounds: dict[int, dict[Side, Observation]] = {}
    for observation in observations:
        rounds.setdefault(observation.round, {})[observation.side] = observation
    return {number: sides for number, sides in sorted(rounds.items()) if len(sides) == 3}


def pairs_of(
    observations: Iterable[Observation], metric: str, left: Side = "a", right: Side = "b"
) -> list[Pair]:
    """The pairs of one metric; rounds where either side lacks the figure are left out."""
    pairs = []
    for number, sides in by_round(observations).items():
        first, second = sides[left], sides[right]
        if metric in first.metrics and metric in second.metrics:
            a, b = first.metrics[metric], second.metrics[metric]
            pairs.append(Pair(number, a, b, _order(first, second)))
    return pairs


def floor_pairs_of(observations: Iterable[Observation], metric: str) -> list[Pair]:
    """The pairs A against A of one metric."""
    return pairs_of(observations, metric, "a", "a2")


def _order(a: Observation, b: Observation) -> Order:
    if a.place == b.place:
        return "together"
    return "ab" if a.place < b.place else "ba"


def worst_guards(observations: Iterable[Observation]) -> list[Guard]:
    """One guard a name: the first that failed, else the last that held."""
    found: dict[str, Guard] = {}
    for observation in observations:
        for guard in observation.guards:
            if guard.name not in found or found[guard.name].ok:
                found[guard.name] = guard
    return list(found.values())
