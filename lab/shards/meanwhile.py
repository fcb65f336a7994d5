"""A load beside a change, and how its requests fared before, during and after it.

With ten messages go ten pages of a dialog, each in one shard, and one list of a user's dialogs, which asks
every shard. Nothing is retried: what a user would have seen is what is counted.
"""

import asyncio
import csv
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.load.figures import ERROR_WORDS
from lab.load.http_client import DROPPED
from lab.load.plan import LoadPlan, Operation
from lab.load.record import RunRecord
from lab.stack.description import StackDescription

LIMIT_SECONDS = 3600.0
WORDS = {**ERROR_WORDS, DROPPED: "dropped"}
MIX: Mapping[Operation, float] = {"send": 10, "list": 10, "dialogs": 1}
KINDS = {"send": "sends", "list": "pages", "dialogs": "lists of dialogs"}
SPANS = ("before", "during", "after")


@dataclass(frozen=True)
class Load:
    """`rate` messages a second and the reads that go with them; 0: none.

    `around_seconds` of it run before the change and after it, to compare with.
    """

    rate: float
    around_seconds: float
    home: Path


@dataclass(frozen=True)
class Window:
    """Requests of one kind that were due in a span. Latencies are seconds from then, of those answered well.

    `refused`: any other answer -> how many. `refused_seconds`: from the first to the last of them.
    """

    what: str  # of KINDS
    name: str  # of SPANS
    seconds: float
    requests: int
    p50: float | None
    p99: float | None
    slowest: float | None
    refused: dict[str, int]
    refused_seconds: float


@dataclass(frozen=True)
class Second:
    """Requests of one kind in one second; `at` counts from the begin of the load."""

    what: str
    at: int
    p99: float | None
    refused: int


@dataclass
class Meanwhile:
    """Filled in when the load has ended."""

    record: RunRecord | None = None
    windows: list[Window] = field(default_factory=list)
    seconds: list[Second] = field(default_factory=list)

    def spans(self, what: str) -> dict[str, Window]:
        """The windows of one kind by their names."""
        return {window.name: window for window in self.windows if window.what == what}


@dataclass(frozen=True)
class Request:
    """When it was due, how long its answer took (nan: none), and which one that was."""

    due: float
    took: float
    status: int

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@asynccontextmanager
async def meanwhile(load: Load) -> AsyncIterator[Meanwhile]:
    """Keep a load up around the block, which is the change. Raises LabError when it cannot begin."""
    found = Meanwhile()
    if not load.rate:
        yield found
        return
    from lab.load.run import run_load

    with tempfile.TemporaryDirectory(prefix="lab-shards-") as folder:
        asked = Path(folder) / "asked.csv"
        plan = LoadPlan(
            stack=StackDescription.load(load.home),
            rate=load.rate * sum(MIX.values()) / MIX["send"],
            mix=MIX,
            duration=LIMIT_SECONDS,
            warm_up=2,
            asked=asked,
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
        requests = read(asked)
        end = record.started_at + record.measured_seconds
        found.windows = windows(requests, (record.started_at, began, ended, end))
        found.seconds = seconds(requests, record.started_at, end)


def read(asked: Path) -> dict[str, list[Request]]:
    """Kind -> its requests, from the file that a load writes."""
    found: dict[str, list[Request]] = {what: [] for what in KINDS.values()}
    with asked.open(newline="") as file:
        for line in csv.DictReader(file):
            due = float(line["intended"])
            found[KINDS[line["operation"]]].append(
                Request(due, float(line["answered"]) - due, int(line["status"]))
            )
    return found


def windows(
    requests: Mapping[str, Sequence[Request]], times: tuple[float, float, float, float]
) -> list[Window]:
    """Before, during and after a change, for each kind.

    `times` are the load's begin, the change's begin and end, the load's end: unix seconds.
    """
    return [
        _window(what, name, first, until, [one for one in found if first <= one.due < until])
        for what, found in requests.items()
        for name, first, until in zip(SPANS, times[:-1], times[1:], strict=True)
    ]


def seconds(requests: Mapping[str, Sequence[Request]], begin: float, end: float) -> list[Second]:
    """Each whole second of the load, for each kind that was asked in it."""
    found = []
    for what, asked in requests.items():
        by_second: dict[int, list[Request]] = {}
        for one in asked:
            if one.due >= begin:
                by_second.setdefault(int(one.due - begin), []).append(one)
        found += [
            Second(
                what, at, _p99(sorted(one.took for one in those if one.ok)), sum(not one.ok for one in those)
            )
            for at, those in sorted(by_second.items())
            if at < int(end - begin)
        ]
    return found


def _window(what: str, name: str, first: float, until: float, asked: Sequence[Request]) -> Window:
    taken = sorted(one.took for one in asked if one.ok)
    bad = [one for one in asked if not one.ok]
    return Window(
        what=what,
        name=name,
        seconds=until - first,
        requests=len(asked),
        p50=taken[len(taken) // 2] if taken else None,
        p99=_p99(taken),
        slowest=taken[-1] if taken else None,
        refused=dict(Counter(WORDS.get(one.status, str(one.status)) for one in bad)),
        refused_seconds=max(one.due for one in bad) - min(one.due for one in bad) if bad else 0.0,
    )


def _p99(taken: Sequence[float]) -> float | None:
    """Of times in their order."""
    return taken[min(len(taken) - 1, int(len(taken) * 0.99))] if taken else None
