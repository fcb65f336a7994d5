"""A rig that makes its figures up: a known effect, known noise, and faults on demand."""

import numpy as np

from lab.experiments.plan import PullPlan
from lab.trials.observation import Observation
from lab.verdict import Guard


def plan(**changes):
    """A plan whose parts do not matter, except those that are given."""
    base = {
        **{"lever": "event_loop", "values": ("uvloop", "asyncio"), "mode": "multi", "design": "duet"},
        **{"metric": "cpu_per_1k", "also": ("p50", "p99"), "part": "backend", "mix": "send"},
        **{"rate": 500.0, "trial_seconds": 1.0, "warm_up_seconds": 1.0, "seed": 7},
    }
    return PullPlan(**{**base, **changes})


class FakeRig:
    """B costs `effect` times A. `order_bias` hurts what is measured later; `failing` trials fail a guard."""

    def __init__(self, effect=1.0, spread=0.02, order_bias=1.0, failing=(), samples=3_000):
        self.effect, self.spread, self.order_bias = effect, spread, order_bias
        self.failing, self.samples = set(failing), samples
        self.rng = np.random.default_rng(1)
        self.measured, self.renewed = [], []

    def effective(self):
        return {"a": {"event_loop": "uvloop"}, "b": {"event_loop": "asyncio"}}

    async def renew(self, sides):
        self.renewed.append(tuple(sides))

    async def measure(self, step, seed):
        call = len(self.measured)
        self.measured.append((step, seed))
        ok = call not in self.failing
        guard = Guard("achieved", ok, f"achieved {1.0 if ok else 0.7} of the offered rate, 0.99 is the least")
        return [
            Observation(
                step.round, step.place, side, 0.0, self._figures(side, step), self.samples, 0.1, [guard]
            )
            for side in step.sides
        ]

    def _figures(self, side, step):
        def figure():
            effect = self.effect if side == "b" else 1.0
            return float(10 * effect * self.order_bias**step.place * np.exp(self.rng.normal(0, self.spread)))

        return {"cpu_per_1k": figure(), "p50": figure(), "p99": figure()}
