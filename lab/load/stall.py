"""The instrument's own test: the generator against a server that stops for a while.

A generator that waits for answers before it sends on would see one slow request where users saw hundreds
(coordinated omission). The server is a small one of our own, in a process of its own; the stack is not
touched.
"""

import asyncio
import math
import sys
from contextlib import suppress

import numpy as np

from lab.errors import LabError
from lab.load.bare import offer
from lab.load.figures import Samples
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Dialog, Population
from lab.load.record import StallTest
from wire.message import dialog_id_of

SECONDS = 1.5
STALL_SECONDS = 0.5
SLOW_SECONDS = 0.01
SHARE = 0.8  # of what arrives during the stall must be seen as slow
START_SECONDS = 60.0  # of the server's process: on a full machine the imports alone take ten
LEAST_RATE = 100.0  # below it the stall would hold too few arrivals to tell


async def stall_test(plan: LoadPlan, stall: float = STALL_SECONDS) -> StallTest:
    """Run it at the plan's rate with the plan's generator; takes about two seconds. Raises LabError.

    Needed is a share of what was due in the stall by the schedule, not of its mean: at low rates the
    number of arrivals in half a second varies by a third.
    """
    rate = max(plan.rate, LEAST_RATE)
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
        samples = await _samples(plan, rate, f"http://127.0.0.1:{port}")
        async with asyncio.timeout(START_SECONDS):
            begin, end = map(float, (await server.stdout.readline()).split())
    except (TimeoutError, ValueError):
        raise LabError("stall test: its server did not start, or did not stall") from None
    finally:
        with suppress(ProcessLookupError):
            server.kill()
        await server.wait()
    taken = samples.latency(samples.due, plan.timeout)
    taken = taken[np.isfinite(taken)]
    slow = int((taken > SLOW_SECONDS).sum())
    needed = math.ceil(SHARE * int(((samples.due >= begin) & (samples.due < end)).sum()))
    return StallTest(
        rate=rate,
        stall_seconds=end - begin,
        slow=slow,
        needed=needed,
        p99=float(np.quantile(taken, 0.99)) if len(taken) else None,
        ok=slow >= needed > 0,
    )


async def _samples(plan: LoadPlan, rate: float, url: str) -> Samples:
    people = Population([Dialog(dialog_id_of(1, 2), 1, 2, 0)], [])
    own = LoadPlan(
        stack=plan.stack,
        rate=rate,
        duration=SECONDS,
        seed=plan.seed,
        mix="get_user",
        sides={"a": Targets((url,), ())},
        processes=plan.processes,
        in_flight_limit=max(plan.in_flight_limit, int(2 * rate * STALL_SECONDS)),
    )
    return await offer(own, people)
