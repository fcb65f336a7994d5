"""A load on any address, without database, sockets, ledger: only what was sent, and answered when."""

import asyncio
import time
from collections.abc import Sequence

from lab.load.figures import Rows, Samples
from lab.load.frames import MessageIds
from lab.load.jobs import make_jobs
from lab.load.plan import LoadPlan
from lab.load.population import Population
from lab.load.process import GeneratorProcess
from lab.load.schedule import make_schedule

LEAD_SECONDS = 0.05
LATE_SECONDS = 10.0


async def offer(plan: LoadPlan, people: Population, tokens: Sequence[str] = ()) -> Samples:
    """The arrivals of a plan with what became of them. `tokens`: of people.users, else minted.

    Raises TimeoutError when a generator process does not come to its end, LabError when it does not start.
    """
    schedule = make_schedule(
        plan.rate,
        plan.duration,
        plan.seed,
        shares=plan.shares(),
        sides=len(plan.targets()),
        dialogs=len(people.dialogs),
    )
    rows = Rows()
    processes = [GeneratorProcess(f"generator-{n + 1}", rows.add) for n in range(plan.processes)]
    try:
        jobs = make_jobs(plan, people, schedule, MessageIds.new_run(time.time(), plan.seed))
        for job in jobs:
            job.tokens = list(tokens) or job.tokens
        await asyncio.gather(*(p.start(job) for p, job in zip(processes, jobs, strict=True)))
        start = time.monotonic() + LEAD_SECONDS
        for process in processes:
            process.tell(start)
        async with asyncio.timeout(plan.duration + plan.timeout + LATE_SECONDS):
            await asyncio.gather(*(one.sent.wait() for one in processes))
        await asyncio.gather(*(one.leave() for one in processes))
    finally:
        await asyncio.gather(*(one.kill() for one in processes))
    return Samples.of(schedule, rows.whole("operations"), start)
