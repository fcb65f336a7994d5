"""The instrument's own test: the generator against a server that stops for a while.

A generator that waits for answers before it sends on would see one slow request where users saw hundreds
(coordinated omission). The server is a small one of our own, in a process of its own; the stack is not
touched.
"""

import asyncio
import sys
import time
from contextlib import suppress
from uuid import UUID

import numpy as np

from lab.errors import LabError
from lab.load import figures
from lab.load.figures import Rows, Samples
from lab.load.frames import MessageIds
from lab.load.jobs import make_jobs
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Dialog, Population
from lab.load.process import GeneratorProcess
from lab.load.record import StallTest
from lab.load.schedule import make_schedule
from wire.message import dialog_id_of

SECONDS = 1.5
STALL_SECONDS = 0.5
SLOW_SECONDS = 0.01
SHARE = 0.8  # of what arrives during the stall must be seen as slow
START_SECONDS = 10.0


async def stall_test(plan: LoadPlan, stall: float = STALL_SECONDS) -> StallTest:
    """Run it at the plan's rate with the plan's generator; takes about two seconds. Raises LabError."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lab.load.stalling_server",
        str(stall),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert server.stdout
        async with asyncio.timeout(START_SECONDS):
            port = int(await server.stdout.readline())
        values = await _latencies(plan, f"http://127.0.0.1:{port}")
    except (TimeoutError, ValueError):
        raise LabError("stall test: its server did not start") from None
    finally:
        with suppress(ProcessLookupError):
            server.kill()
        await server.wait()
    slow = int((values > SLOW_SECONDS).sum())
    needed = int(SHARE * plan.rate * stall)
    return StallTest(
        rate=plan.rate,
        stall_seconds=stall,
        slow=slow,
        needed=needed,
        p99=float(np.quantile(values, 0.99)) if len(values) else None,
        ok=slow >= needed,
    )


async def _latencies(plan: LoadPlan, url: str) -> figures.Times:
    people = Population([Dialog(dialog_id_of(1, 2), 1, 2, 0)], [])
    own = LoadPlan(
        stack=plan.stack,
        rate=plan.rate,
        duration=SECONDS,
        warm_up=0,
        seed=plan.seed,
        sides={"a": Targets((url,), ())},
        processes=plan.processes,
        in_flight_limit=max(plan.in_flight_limit, int(2 * plan.rate * STALL_SECONDS)),
    )
    schedule = make_schedule(own.rate, SECONDS, own.seed, shares={"get_user": 1.0}, sides=1, dialogs=1)
    rows = Rows()
    processes = [GeneratorProcess(f"generator-{n + 1}", rows.add) for n in range(own.processes)]
    run: UUID = MessageIds.new_run(time.time(), 0)
    try:
        jobs = make_jobs(own, people, schedule, run)
        await asyncio.gather(*(p.start(job) for p, job in zip(processes, jobs, strict=True)))
        start = time.monotonic() + 0.05
        for process in processes:
            process.tell(start)
        async with asyncio.timeout(SECONDS + START_SECONDS):
            await asyncio.gather(*(one.sent.wait() for one in processes))
        await asyncio.gather(*(one.leave() for one in processes))
    finally:
        await asyncio.gather(*(one.kill() for one in processes))
    samples = Samples.of(schedule, rows.whole("operations"), start)
    values = samples.latency(samples.due, own.timeout)
    return values[np.isfinite(values)]
