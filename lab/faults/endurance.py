"""Faults one after another for as long as wanted: one stack, one load without a pause, one ledger at the end.

A row by itself (lab/faults/run.py) is held to its own bounds on a stack that is whole. Here the stack is what
the faults before have left, and what counts is that nothing was lost, and that each time all of it came back.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import msgspec

from lab.errors import LabError
from lab.faults.book import Entry, entry_of
from lab.faults.observation import Observation, observe
from lab.faults.row import Row
from lab.faults.rows import LATEST_SECONDS
from lab.faults.run import CALM_SECONDS, IN_FLIGHT, REQUEST_SECONDS, Load
from lab.faults.scene import Scene
from lab.faults.verbs import attempt, calm
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import run_load

FORMAT = "fastapi-performance-lab/endurance"
NODES = 3  # of RabbitMQ: rows that need fewer run on these too
RETRIES = 300  # a minute of refusals, each of which comes at once
LONGEST_FAULT_SECONDS = 300.0  # the load goes on for so long after the last fault began, if it must
# Where a fault meets the repair of the last one: a drain whose clients find no way around it in time, a
# position that cannot be told. Both say: come back with your cursor. From 4500 on it would be: stay away.
COME_BACK = frozenset({"4001", "4004"})
OWN_LOAD = {"sockets", "dialogs"}  # what a row may want of its load and do without


class Struck(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of the series. Times are seconds from the start of the measured time.

    `done`: it could be brought about; what could not is told and not counted.
    """

    name: str
    began: float
    mended: float
    whole: float  # every process runs and says that it is ready
    done: bool = True
    back: bool = True  # false: some part had not come back within 90 s
    notes: list[str] = []
    troubles: list[str] = []  # of the row's own checks, which are about that fault on a whole stack


class Endurance(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    format: str = FORMAT
    command: str
    minutes: float
    struck: list[Struck]
    entry: Entry  # of the whole series, judged as one row


def fits(row: Row) -> bool:
    """Can it be one of many on the same stack under the same load?"""
    return not row.levers and row.load.keys() <= OWN_LOAD


def order(rows: Sequence[Row], seed: int) -> Iterator[Row]:
    """Each once in a drawn order, then each once in another, without an end."""
    drawn = random.Random(seed)
    while True:
        yield from drawn.sample(rows, len(rows))


async def endure(  # noqa: PLR0917
    rows: Sequence[Row],
    scene: Scene,
    load: Load,
    minutes: float,
    command: str,
    tell: Callable[[str], None],
) -> Endurance:
    """Break the stack for so long, then let the load end and compare. Raises LabError when it cannot run.

    Ctrl-C ends it after the fault that is under way, with its result.
    """
    first_second, enough, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        tell("ending after this fault; once more gives up")
        loop.remove_signal_handler(signal.SIGINT)
        stop.set()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    plan = LoadPlan(
        stack=scene.stack,
        rate=load.rate,
        sockets=load.sockets,
        seed=load.seed,
        duration=minutes * 60 + LONGEST_FAULT_SECONDS,
        timeout=REQUEST_SECONDS,
        retries=RETRIES,
        in_flight_limit=IN_FLIGHT,
        settle=LATEST_SECONDS + 10,
        command=command,
    )
    struck: list[Struck] = []
    troubles: list[str] = []
    running = asyncio.create_task(run_load(plan, lambda _: first_second.set(), enough), name="load")
    breaking = asyncio.create_task(
        _break(rows, scene, load.seed, minutes, struck, first_second, stop, tell), name="faults"
    )
    try:
        await asyncio.wait([running, breaking], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # a load that could not run says why
            troubles.append("the load ended before the faults did")
        elif error := breaking.exception():
            troubles.append(f"the faults ended early: {error!r}")  # what was seen until then is kept
        enough.set()
        record = await running
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for task in (running, breaking):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
    struck = [_since(record.started_at, one) for one in struck]
    seen = _judged(rows, record, struck, troubles)
    return Endurance(
        command=command,
        minutes=record.measured_seconds / 60,
        struck=struck,
        entry=entry_of(seen, record, scene.stack.mode),
    )


async def _break(  # noqa: PLR0917
    rows: Sequence[Row],
    scene: Scene,
    seed: int,
    minutes: float,
    struck: list[Struck],
    first_second: asyncio.Event,
    stop: asyncio.Event,
    tell: Callable[[str], None],
) -> None:
    """Add the faults to `struck`, as they happen; their times are unix times."""
    await first_second.wait()
    await asyncio.sleep(CALM_SECONDS)
    began = time.monotonic()
    for row in order(rows, seed):
        passed = time.monotonic() - began
        if passed >= minutes * 60 or stop.is_set():
            return
        struck.append(await _strike(row, scene))
        last = struck[-1]
        word = "; ".join(last.troubles) or f"whole again {last.whole - last.mended:.1f} s after the mending"
        tell(f"{passed / 60:5.1f} of {minutes:g} min  {len(struck):3}  {row.name:30} {word}")
        await asyncio.sleep(row.watch_seconds)


async def _strike(row: Row, scene: Scene) -> Struck:
    scene.notes.clear()
    scene.troubles.clear()
    scene.chosen.clear()  # what the last one chose may have stayed away
    began = time.time()
    done = await attempt(scene, row.begin)
    await asyncio.sleep(row.lasts_seconds)
    await attempt(scene, row.mend)
    mended = time.time() if row.mend else began  # what needs no mending is away from the fault on
    back = True
    try:
        await calm(scene, "")
    except LabError as error:
        back = False
        scene.troubles.append(str(error))
    return Struck(
        name=row.name,
        began=began,
        mended=mended,
        whole=time.time(),
        done=done,
        back=back,
        notes=list(scene.notes),
        troubles=list(scene.troubles),
    )


def _since(start: float, one: Struck) -> Struck:
    return msgspec.structs.replace(
        one, began=one.began - start, mended=one.mended - start, whole=one.whole - start
    )


def _judged(
    rows: Sequence[Row], record: RunRecord, struck: Sequence[Struck], troubles: Sequence[str] = ()
) -> Observation:
    """Held to what is promised of all rows together: the widest bound, and any close code that one allows."""
    together = Row(
        name="endurance",
        what="one part after another",
        sender="",
        recipient="",
        begin="",
        late_seconds=LATEST_SECONDS,
        sends_may_wait=True,
        closes=COME_BACK.union(*(row.closes for row in rows)),
    )
    away = [f"{one.name}: {trouble}" for one in struck if not one.back for trouble in one.troubles]
    times = (struck[0].began, struck[-1].whole) if struck else (0.0, 0.0)
    return observe(together, record, times, REQUEST_SECONDS, troubles=[*troubles, *away])
