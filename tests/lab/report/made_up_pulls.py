"""A result of a pull whose figures are made up, with everything that a report can draw."""

import asyncio
import tempfile
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram

from lab.experiments.result import PullResult
from lab.experiments.session import run_session
from lab.trials.journal import Journal
from lab.trials.observation import Observation
from levers.catalogue import lever_named
from tests.lab.experiments.fakes import FakeRig, plan


class DetailedRig(FakeRig):
    """A fake rig whose observations carry what the report draws."""

    async def measure(self, step, seed):
        found = await super().measure(step, seed)
        return [Observation(**{**vars(one), "detail": self.detail(one)}) for one in found]

    def detail(self, one):
        slower = self.effect if one.side == "b" else 1.0
        backend = {"a": "backend-1", "a2": "backend-2", "b": "backend-3"}[one.side]
        return {
            "cpu": {"API": 10 * slower, "postgres": 4.0, "generator": 6.0, backend: 0.1},
            "intended": self.histogram(slower * 1.2),
            "send": self.histogram(slower),
            "others": 0.05,
            "seconds": [
                {"ok": 100 + second, "p99": 0.01 * slower, "errors": 0, "backlog": second % 3}
                for second in range(8)
            ],
        }

    def histogram(self, scale):
        histogram = HdrHistogram(1, 60_000_000, 3)
        for value in self.rng.lognormal(8, 0.6, 300):
            histogram.record_value(int(value * scale))
        return histogram.encode().decode()


def made_up(effect=1.3, failing=(), **changes):
    """The result of a session with the fake rig."""
    rig = DetailedRig(effect, failing=failing)
    the_plan = plan(**{"mix": lever_named(changes.get("lever", "event_loop")).mix, **changes})
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "j.jsonl", the_plan.as_json())
        verdicts = asyncio.run(run_session(the_plan, rig, journal, lambda progress: None))
    return PullResult(
        the_plan.as_json(),
        {"machine": "made up", "cores": 2},
        {side: {"sweep_seconds": 60, the_plan.of.effective: the_plan.value_of(side)} for side in ("a", "b")},
        verdicts,
        journal.observations,
        1_700_000_000.0,
        300.0,
        "up",
        capacity={
            "slo_p99_seconds": 0.1,
            "a": search(900, None, "at least 900/s"),
            "b": search(600, 660, "between 600/s and 660/s"),
        },
        command="lab pull event_loop --seed 7",
    )


def search(limit, fails, sentence):
    rates = np.geomspace(100, limit * 1.1, 6)
    attempts = [
        {"rate": float(rate), "p99_seconds": 0.005 if rate < limit else 0.4, "held": bool(rate < limit)}
        for rate in rates
    ]
    return {"passes": limit, "fails": fails, "sentence": sentence, "attempts": attempts}
