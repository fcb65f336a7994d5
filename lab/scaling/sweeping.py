"""Stacks that differ in one value, brought up in turn: what `lab sweep` and `lab scale-curve` do."""

import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab.errors import LabError, UsageError
from lab.experiments.arrangement import requested
from lab.experiments.machine import fingerprint
from lab.experiments.plan import PullPlan
from lab.experiments.rig import SERVICES, seed
from lab.scaling.capacity import Slo
from lab.scaling.measured import Measured
from lab.scaling.points import Point, Unfinished
from lab.stack.host import running

RESOLUTION = 1.15

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sweep:
    """Values in random order, `repeats` times each, so that a slow minute does not fall on one value."""

    lever: str
    values: Sequence[str]
    mode: str
    repeats: int
    seed: int
    points: Sequence[Point] = ()
    machine: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False  # and so without some of its points

    def order(self) -> list[str]:
        """The values in the order in which they are measured."""
        chooser = random.Random(self.seed)
        found: list[str] = []
        for _ in range(self.repeats):
            values = list(self.values)
            chooser.shuffle(values)
            found += values
        return found

    def as_json(self) -> dict[str, Any]:
        """Builtins for a file; infinities become None."""
        return {**asdict(replace(self, points=())), "points": [point.as_json() for point in self.points]}


def measure(
    plan: PullPlan, value: str, measured: Measured, slo: Slo, tell: Tell, *, keep: Callable[[Point], None]
) -> None:
    """Bring a stack with this value up, search its capacity, take it down.

    `keep` gets the point before that: a stack that does not stop takes no point with it.
    """
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may be another user
        with running(requested(plan, value, Path(folder) / "stack")) as stack:
            seed(stack, plan)
            bracket = asyncio.run(measured.capacity(stack, slo, tell, resolution=RESOLUTION))
            assert measured.last is not None  # a search makes one attempt at least
            services = [one for one in measured.last.usage if one.kind in SERVICES]
            waited = asyncio.run(measured.acquire_wait_ms(stack, bracket.passes)) if bracket.passes else None
            keep(Point(value, bracket, sum(one.pss_bytes or 0 for one in services) / 2**20, waited))


def run(
    sweep: Sweep, plan: PullPlan, measured: Measured, slo: Slo, *, tell: Tell, unfinished: Unfinished
) -> Sweep:
    """All points of a sweep. Ctrl-C keeps what was measured; a value whose stack does not start is told.

    Whoever has written the result removes `unfinished`.
    """
    kept, interrupted = unfinished.points(tell), False
    points: list[Point] = []

    def keep(number: int, point: Point) -> None:
        unfinished.add(number, point)
        points.append(point)
        tell(f"{point.value}: {point.bracket.sentence()}; {point.memory_mib:.0f} MiB")

    try:
        for number, value in enumerate(sweep.order(), 1):
            tell(f"{number} of {len(sweep.order())}: {sweep.lever}={value}")
            if number in kept:
                points.append(kept[number])
                tell(f"{value}: {points[-1].bracket.sentence()}; measured before the interruption")
                continue
            before = len(points)
            try:
                measure(plan, value, measured, slo, tell, keep=partial(keep, number))
            except LabError as error:
                if not points:
                    raise
                tell(f"{value} {'is missing:' if len(points) == before else 'is kept, but'} {error}")
    except KeyboardInterrupt:
        interrupted = True
        tell("interrupted: the finished points are kept; the same command goes on with the others")
    if not points:
        raise UsageError("no point was measured")
    machine = fingerprint(measured.last.machine) if measured.last else dict(unfinished.machine)
    return replace(sweep, points=tuple(points), machine=machine, interrupted=interrupted)
