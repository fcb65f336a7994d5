"""Load a stack for a long time while devices come and go, and judge what its processes hold."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from lab.faults.disturbers import Comers
from lab.load.plan import LoadPlan
from lab.load.record import Ledger, Machine, RunRecord, Second
from lab.load.run import run_load
from lab.soak.flat import COUNT_PER_HOUR, MEMORY_MIB_PER_HOUR, Slope, settling_seconds, slope
from lab.soak.sampler import SERVICES, Sampler, Series
from lab.stack.description import StackDescription

FORMAT = "fastapi-performance-lab/soak"
COMERS_PER_SECOND = 5.0


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `troubles` empty: nothing grew, the ledger is clean, every device was welcomed."""

    format: str = FORMAT
    command: str
    started_at: float
    seconds: float
    mode: str
    rate: float
    sockets: int
    came: int
    not_welcomed: dict[str, int]  # what such a device met instead, and how many did
    sends: int
    failed: int
    ledger: Ledger
    machine: Machine
    waited: float | None
    settling: float  # seconds at the beginning that are not judged
    slopes: dict[str, dict[str, Slope]]  # process -> figure -> slope
    series: list[Series]
    troubles: list[str]


async def soak(
    stack: StackDescription, plan: LoadPlan, command: str, on_second: Callable[[Second], None]
) -> Soak:
    """Run it. Raises LabError when the load cannot run."""
    sampler = Sampler(stack, every_seconds=max(1.0, plan.duration / 120))
    comers = Comers(stack, total=10**9, at_once=2, per_second=COMERS_PER_SECOND)
    beside = [asyncio.create_task(sampler.run()), asyncio.create_task(comers.run())]
    try:
        record = await run_load(plan, on_second)
        for task in beside:
            if task.done():
                task.result()  # it must not have ended before the load
    finally:
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
    return judged(record, list(sampler.series.values()), comers, command)


def judged(record: RunRecord, series: list[Series], comers: Comers, command: str) -> Soak:
    """Put together, with what is not as it should be."""
    lasts, dialogs = record.measured_seconds, record.settings.dialogs
    settling = settling_seconds(lasts, record.settings.rate, dialogs)
    slopes = {one.name: slopes_of(one, settling) for one in series}
    troubles = [
        f"{name}: {figure} {found.word}"
        f" ({found.low:+.1f} to {found.high:+.1f} an hour, limit {found.limit:g})"
        for name, figures in slopes.items()
        for figure, found in figures.items()
        if found.word != "flat" and name.rpartition("-")[0] in SERVICES
    ]
    failed = sum(record.total.errors.values()) + record.total.dropped
    if not record.ledger.clean:
        troubles.append("the ledger is not clean: " + "; ".join(record.ledger.examples[:3]))
    if failed:
        troubles.append(f"{failed} sends failed")
    troubles += [f"{count} devices not welcomed: {what}" for what, count in comers.not_welcomed.items()]
    return Soak(
        command=command,
        started_at=record.started_at,
        seconds=record.measured_seconds,
        mode=record.stack.mode,
        rate=record.settings.rate,
        sockets=record.settings.sockets,
        came=comers.welcomed,
        not_welcomed=dict(comers.not_welcomed),
        sends=record.ledger.sends,
        failed=failed,
        ledger=record.ledger,
        machine=record.machine,
        waited=record.pressure.waited if record.pressure else None,
        slopes=slopes,
        settling=settling,
        series=series,
        troubles=troubles,
    )


def slopes_of(one: Series, settling: float) -> dict[str, Slope]:
    """Figure -> its growth; a figure with too few samples has none."""
    found = {}
    for figure, limit in (
        ("memory_mib", MEMORY_MIB_PER_HOUR),
        ("files", COUNT_PER_HOUR),
        ("tasks", COUNT_PER_HOUR),
    ):
        values = getattr(one, figure)
        if values:
            with suppress(ValueError):
                found[figure] = slope(one.seconds[-len(values) :], values, limit, settling)
    return found
