"""A server that refuses most requests, and is faster than ever.

The lie: an overloaded server answers 503 in half a millisecond. The load test counts answers, and the more
requests fail the better the latency and the throughput get.

The truth: a refusal is not an answer. Throughput is what was done; latency counts for what was done, and
no latency is claimed when too much was refused.

Where you meet it: dashboards without a status label, "requests per second" of a server behind a rate
limiter, a deploy that broke a route and made it quick.
What to do: errors beside every figure; the lab gives no latency above 0.1 % errors.
"""

from lab.lies.clients import open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS = 900.0, 5.0
PATH = "/limited?service=0.005"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """One overloaded run, with refusals counted as answers and without."""
    seconds = SECONDS * scale
    async with server() as port:
        tell(f"open loop at {RATE:g}/s against a server that can do about 190/s, {seconds:g} s ...")
        samples = await open_loop(port, PATH, RATE, seconds)
    good = [one for one in samples if one.status == 200]
    return Told(
        "p50",
        "ms",
        percentile([one.answered for one in samples], 0.5) * 1000,
        percentile([one.answered for one in good], 0.5) * 1000,
        f"all {len(samples)} answers, refusals among them",
        f"the {len(good)} that were served",
        [
            (
                "throughput",
                f"{len(samples) / seconds:,.0f}/s",
                f"{len(good) / seconds:,.0f}/s ({1 - len(good) / len(samples):.0%} refused)",
            )
        ],
    )
