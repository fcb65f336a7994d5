"""Run rows of the failure table: load with the ledger on, the fault in the middle of it, what was seen."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from lab.errors import LabError
from lab.faults.observation import Observation, observe
from lab.faults.rows import SWEEP_SECONDS, Row, end_disturbers
from lab.faults.scene import Scene
from lab.faults.watching import Transactions
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import run_load

CALM_SECONDS = 5.0  # of load before the fault
REQUEST_SECONDS = 2.0  # time limit of a request; then the client tries again with the same id
RETRIES = 60  # a client goes on for longer than any fault lasts: a 503 comes at once, a retry after 0.2 s
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


async def run_row(row: Row, scene: Scene, load: Load, tell: Tell) -> Result:
    """Load the stack, break it, mend it, and look at the ledger. Raises LabError when the load cannot run."""
    plan = LoadPlan(
        stack=scene.stack,
        rate=load.rate,
        duration=CALM_SECONDS + row.lasts_seconds + row.watch_seconds,
        warm_up=2.0,
        seed=load.seed,
        mix=row.mix,
        content_characters=row.content_characters,
        sockets=load.sockets,
        timeout=REQUEST_SECONDS,
        retries=RETRIES,
        settle=SWEEP_SECONDS + 10,
        command=f"lab faults {row.name}",
    )
    first_second, transactions = asyncio.Event(), Transactions(scene.stack)
    running = asyncio.create_task(run_load(plan, on_second=lambda _second: first_second.set()))
    fault = asyncio.create_task(_fault(row, scene, first_second, transactions, tell))
    try:
        record = await running
        times = await fault
    finally:
        for task in (running, fault):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await transactions.stop()
        await _calm(row, scene)
    began, mended = (moment - record.started_at for moment in times)
    events = [(began, row.what)]
    if row.lasts_seconds:
        events.append((mended, "mended"))
    record = msgspec.structs.replace(record, events=events)
    notes, troubles = [note() for note in scene.notes], list(scene.troubles)
    scene.notes.clear()
    scene.troubles.clear()
    if row.transactions_factor:
        before, worst = transactions.before_and_worst
        notes.append(f"database transactions {before:.0f}/s before, at most {worst:.0f}/s after")
        if worst > row.transactions_factor * before:
            troubles.append(notes[-1])
    return Result(observe(row, record, (began, mended), REQUEST_SECONDS, notes, troubles), record)


async def _fault(
    row: Row, scene: Scene, first_second: asyncio.Event, transactions: Transactions, tell: Tell
) -> tuple[float, float]:
    await first_second.wait()
    if row.transactions_factor:
        transactions.start()
    await asyncio.sleep(CALM_SECONDS - 1.5)  # the first second is shown half a second after its end
    tell(row.what)
    transactions.mark()
    began = time.time()
    await row.begin(scene)
    await asyncio.sleep(row.lasts_seconds)
    await row.mend(scene)
    return began, time.time()


async def _calm(row: Row, scene: Scene) -> None:
    """Whatever happened: mend, and wait until everything runs, so that the next row starts whole."""
    await end_disturbers(scene)
    with suppress(LabError):
        await row.mend(scene)
    scene.links.heal()
    await scene.everything_runs()


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
