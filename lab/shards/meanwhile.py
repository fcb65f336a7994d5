"""A load beside a change, and how its requests fared before, during and after it.

With ten messages go ten pages of a dialog, each in one shard, and one list of a user's dialogs, which asks
every shard. Nothing is retried: what a user would have seen is what is counted.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.load.plan import LoadPlan, Operation
from lab.load.record import RunRecord
from lab.shards.fared import Second, Window, read, seconds, windows
from lab.stack.description import StackDescription

LIMIT_SECONDS = 3600.0
MIX: Mapping[Operation, float] = {"send": 10, "list": 10, "dialogs": 1}


@dataclass(frozen=True)
class Load:
    """`rate` messages a second and the reads that go with them; 0: none.

    `around_seconds` of it run before the change and after it, to compare with.
    """

    rate: float
    around_seconds: float
    home: Path


@dataclass
class Meanwhile:
    """Filled in when the load has ended."""

    record: RunRecord | None = None
    windows: list[Window] = field(default_factory=list)
    seconds: list[Second] = field(default_factory=list)

    def spans(self, what: str) -> dict[str, Window]:
        """The windows of one kind by their names."""
        return {window.name: window for window in self.windows if window.what == what}


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
