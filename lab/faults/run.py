"""Run rows of the failure table: load with the ledger on, the fault in the middle of it, what was seen."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from lab.faults.observation import Observation, observe
from lab.faults.row import Row
from lab.faults.rows import LATEST_SECONDS
from lab.faults.scene import Scene
from lab.faults.verbs import attempt, calm
from lab.faults.watching import WINDOW_SECONDS, Queries, held
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import run_load

CALM_SECONDS = 5.0  # of load before the fault
REQUEST_SECONDS = 2.0  # time limit of a request; then the client tries again with the same id
IN_FLIGHT = 4096  # clients that wait through a fault are not dropped: over a minute of the usual rate
RETRIES = 60  # a client goes on for longer than any fault lasts: a 503 comes at once, a retry after 0.2 s
LONGEST_SECONDS = 400.0  # of load: it is stopped when the fault is over and was watched to its end
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """A row's observation and the record it was drawn from."""

    observation: Observation
    record: RunRecord


@dataclass(frozen=True)
class Load:
    """How much goes on while things break."""

    rate: float = 60.0
    sockets: int = 100
    seed: int = 1

    def plan(self, row: Row, scene: Scene) -> LoadPlan:
        """The load of a row; it has its own word about some of it."""
        usual: dict[str, Any] = {"rate": self.rate, "sockets": self.sockets, "duration": LONGEST_SECONDS}
        return LoadPlan(
            stack=scene.stack,
            warm_up=2.0,
            seed=self.seed,
            timeout=REQUEST_SECONDS,
            retries=RETRIES,
            in_flight_limit=IN_FLIGHT,
            settle=LATEST_SECONDS + 10,
            command=f"lab faults {row.name}",
            **{**usual, **row.load},
        )


async def run_row(row: Row, scene: Scene, load: Load, tell: Tell) -> Result:
    """Load the stack, break it, mend it, and look at the ledger. Raises LabError when the load cannot run.

    The load goes on until the fault is mended, however long that takes, and for the row's watch_seconds more.
    """
    first_second, enough, queries = asyncio.Event(), asyncio.Event(), Queries(scene.stack)
    running = asyncio.create_task(
        run_load(load.plan(row, scene), lambda _second: first_second.set(), enough), name="load"
    )
    fault = asyncio.create_task(_fault(row, scene, first_second, queries, tell), name="fault")
    try:
        await asyncio.wait([running, fault], return_when=asyncio.FIRST_COMPLETED)
        if not fault.done():
            running.result()  # a load that could not run says why
            scene.troubles.append("the load ended before the fault was mended and watched")
        enough.set()
        record = await running
        times = await fault
    finally:
        mended_already = fault.done() and not fault.cancelled() and not fault.exception()
        for task in (running, fault):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await queries.stop()
        await calm(scene, "" if mended_already else row.mend)
    began, mended = (moment - record.started_at for moment in times)
    events = [(began, row.what)]
    if row.mend:
        events.append((mended, "mended"))
    record = msgspec.structs.replace(record, events=events)
    _judge_back(row, scene)
    if row.queries_factor:
        _judge_queries(row.queries_factor, queries, scene)
    observation = observe(row, record, (began, mended), REQUEST_SECONDS, scene.notes, scene.troubles)
    scene.notes.clear()
    scene.troubles.clear()
    return Result(observation, record)


async def _fault(
    row: Row, scene: Scene, first_second: asyncio.Event, queries: Queries, tell: Tell
) -> tuple[float, float]:
    await first_second.wait()
    if row.queries_factor:
        queries.start()
    await asyncio.sleep(CALM_SECONDS - 1.5)  # the first second is shown half a second after its end
    tell(row.what)
    before = await _asked(scene) if row.queries_factor else 0
    queries.mark()
    began = time.time()
    await attempt(scene, row.begin)
    await asyncio.sleep(row.lasts_seconds)
    await attempt(scene, row.mend)
    mended = time.time()
    await asyncio.sleep(row.watch_seconds)
    if row.queries_factor:
        asked = await _asked(scene) - before
        scene.notes.append(f"the websocket services asked {asked:.0f} queries in all from the fault on")
    return began, mended


async def _asked(scene: Scene) -> float:
    return sum(one["database_queries"] for one in (await held(scene.stack)).values())


def _judge_back(row: Row, scene: Scene) -> None:
    """Docker starts what the lab killed at the lab's word: how long that takes is nobody's promise."""
    away = scene.back_seconds
    if row.back_seconds is None or scene.stack.mode == "docker":
        return
    if away is None or away > row.back_seconds:
        took = "not seen to be back" if away is None else f"back after {away:.1f} s"
        scene.troubles.append(f"{took}, bound {row.back_seconds:g} s")


def _judge_queries(factor: float, queries: Queries, scene: Scene) -> None:
    if scene.stack.mode == "docker":
        scene.notes.append("the database does not count its queries here, so that they are not judged")
        return
    before, worst = queries.before_and_worst
    words = f"database queries {before:.0f}/s before, at most {worst:.0f}/s after"
    scene.notes.append(words)
    if queries.seconds_after < WINDOW_SECONDS or not before:
        scene.troubles.append("the database's queries could not be counted to the end")
    elif worst > factor * before:
        scene.troubles.append(words)


async def run_rows(
    rows: Sequence[Row], scene: Scene, load: Load, tell: Tell, done: Callable[[Result], None]
) -> list[Result]:
    """One after the other, on one stack."""
    results = []
    for row in rows:
        result = await run_row(row, scene, load, tell)
        done(result)
        results.append(result)
    return results
