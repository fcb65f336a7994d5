"""A quiet server, and a load test that says it is slow.

The lie: fifty simulated users on one clock. Each sends once a tick, all at the same moment, and queues
behind the others. The latency reported is the length of a queue that the test itself made.

The truth: real users do not agree on a tick. The same number of requests in the same time, at random
moments, hardly ever meet.

Where you meet it: `constant_throughput` and `constant_pacing` users started together, cron-like load, a
loop that fires a batch each second.
What to do: Poisson arrivals from a seed. Where batches are real (a push to all clients), say so and measure
them on purpose.
"""

from lab.lies.clients import open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS, USERS = 100.0, 8.0, 50
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """The same rate on the same server, in step and at random."""
    seconds = max(SECONDS * scale, 2 * USERS / RATE)
    async with server() as port:
        tell(f"{USERS} users on one tick, {RATE:g}/s, {seconds:g} s ...")
        together = await open_loop(port, PATH, RATE, seconds, lockstep=USERS)
        tell(f"random arrivals, {RATE:g}/s, {seconds:g} s ...")
        apart = await open_loop(port, PATH, RATE, seconds)
    lied, true = [one.waited for one in together], [one.waited for one in apart]
    return Told(
        "p50",
        "ms",
        percentile(lied, 0.5) * 1000,
        percentile(true, 0.5) * 1000,
        f"{USERS} users who all send at the same tick",
        "the same rate at random moments",
        [("p99", f"{percentile(lied, 0.99) * 1000:.1f} ms", f"{percentile(true, 0.99) * 1000:.1f} ms")],
    )
