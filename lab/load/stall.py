"""The instrument's own test: the generator against a server that stops for a while.

A generator that waits for answers before it sends on would see one slow request where users saw hundreds
(coordinated omission). The server is a small one of our own, in a process of its own; the stack is not
touched.
"""

import asyncio
import sys
from contextlib import suppress

import numpy as np

from lab.errors import LabError
from lab.load.bare import offer
from lab.load.figures import Times
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Dialog, Population
from lab.load.record import StallTest
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


async def _latencies(plan: LoadPlan, url: str) -> Times:
    people = Population([Dialog(dialog_id_of(1, 2), 1, 2, 0)], [])
    own = LoadPlan(
        stack=plan.stack,
        rate=plan.rate,
        duration=SECONDS,
        seed=plan.seed,
        mix="get_user",
        sides={"a": Targets((url,), ())},
        processes=plan.processes,
        in_flight_limit=max(plan.in_flight_limit, int(2 * plan.rate * STALL_SECONDS)),
    )
    samples = await offer(own, people)
    values = samples.latency(samples.due, own.timeout)
    return values[np.isfinite(values)]
