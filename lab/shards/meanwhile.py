"""A load beside a change, and how its sends fared before, during and after it.

Sends are not retried: what a user would have seen is what is counted.
"""

import asyncio
import csv
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.load.figures import ERROR_WORDS
from lab.load.http_client import DROPPED
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.stack.description import StackDescription

LIMIT_SECONDS = 3600.0
WORDS = {**ERROR_WORDS, DROPPED: "dropped"}
SETTLE_SECONDS = 40.0  # a message whose hint was lost comes with the sweep


@dataclass(frozen=True)
class Load:
    """`around_seconds` of it run before the change and after it, to compare with. Rate 0: none."""

    rate: float
    around_seconds: float
    home: Path


@dataclass(frozen=True)
class Window:
    """Sends that were due in a span of time. Latencies are seconds from then, of those that were answered.

    `refused`: answer -> how many sends. `refused_seconds`: from the first to the last of them.
    """

    name: str
    seconds: float
    sends: int
    p50: float | None
    p99: float | None
    slowest: float | None
    refused: dict[str, int]
    refused_seconds: float


@dataclass
class Meanwhile:
    """Filled in when the load has ended."""

    record: RunRecord | None = None
    windows: list[Window] = field(default_factory=list)


@asynccontextmanager
async def meanwhile(load: Load) -> AsyncIterator[Meanwhile]:
    """Keep a load up around the block, which is the change. Raises LabError when it cannot begin."""
    found = Meanwhile()
    if not load.rate:
        yield found
        return
    from lab.load.run import run_load

    with tempfile.TemporaryDirectory(prefix="lab-shards-") as folder:
        ways = Path(folder) / "ways.csv"
        plan = LoadPlan(
            stack=StackDescription.load(load.home),
            rate=load.rate,
            duration=LIMIT_SECONDS,
            warm_up=2,
            settle=SETTLE_SECONDS,
            ways=ways,
        )
        stop, begun = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(run_load(plan, on_second=lambda second: begun.set(), stop=stop))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
                raise LabError("the load ended before it began")
            await asyncio.wait({task}, timeout=load.around_seconds)
            began = time.time()
            yield found
            ended = time.time()
            await asyncio.wait({task}, timeout=load.around_seconds)
        finally:
            waiting.cancel()
            stop.set()
            record = await task
        found.record = record
        found.windows = windows(
            ways, (record.started_at, began, ended, record.started_at + record.measured_seconds)
        )


def windows(ways: Path, times: tuple[float, float, float, float]) -> list[Window]:
    """Before, during and after a change, from the file that `lab load --ways` writes.

    `times` are the load's begin, the change's begin and end, the load's end: unix seconds.
    """
    sends: dict[str, tuple[float, float, int]] = {}
    with ways.open(newline="") as file:
        for line in csv.DictReader(file):  # one line a device: the same message again
            answered = float(line["answered"] or "nan")
            sends[line["number"]] = (float(line["intended"]), answered, int(line["status"]))
    return [
        _window(name, first, until, [one for one in sends.values() if first <= one[0] < until])
        for name, first, until in zip(("before", "during", "after"), times[:-1], times[1:], strict=True)
    ]


def _window(name: str, first: float, until: float, sends: Sequence[tuple[float, float, int]]) -> Window:
    taken = sorted(answered - due for due, answered, status in sends if status in (200, 201))
    bad = [(due, WORDS.get(status, str(status))) for due, _, status in sends if status not in (200, 201)]
    return Window(
        name=name,
        seconds=until - first,
        sends=len(sends),
        p50=taken[len(taken) // 2] if taken else None,
        p99=taken[min(len(taken) - 1, int(len(taken) * 0.99))] if taken else None,
        slowest=taken[-1] if taken else None,
        refused=dict(Counter(word for _, word in bad)),
        refused_seconds=max(due for due, _ in bad) - min(due for due, _ in bad) if bad else 0.0,
    )
