"""A server that leaves requests unanswered, and a report in which it looks fast.

The lie: the client gives up after half a second and counts an error, and the percentiles are made of the
answers only. The slower the server, the more of its slow answers are missing from its latency.

The truth: a request without an answer waited longest of all. It stays in the denominator, with at least
the time that it was waited for.

Where you meet it: every tool that prints "p99 of successful requests"; wrk left a two-second stall out of
its percentiles.
What to do: count failed, refused and unanswered requests as slow; let errors refuse the latency claim (the
lab does at 0.1 %).
"""

import asyncio

from lab.lies.clients import Connections, open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS, STALL, LIMIT = 100.0, 8.0, 2.0, 0.5
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """One run with a stall, judged with and without the requests that timed out."""
    seconds, stall = SECONDS * scale, STALL * scale
    limit = LIMIT * scale
    async with server() as port:
        tell(f"open loop at {RATE:g}/s, {seconds:g} s, a stall of {stall:g} s, clients wait {limit:g} s ...")

        async def stuck() -> None:
            await asyncio.sleep(seconds / 2)
            connections = Connections(port)
            await connections.get(f"/stall?seconds={stall}")
            connections.close()

        samples, _ = await asyncio.gather(open_loop(port, PATH, RATE, seconds, limit=limit), stuck())
    answered = [one.answered for one in samples if one.done is not None]
    given_up = len(samples) - len(answered)
    everyone = [min(one.waited, limit) for one in samples]
    return Told(
        "p90",
        "ms",
        percentile(answered, 0.9) * 1000,
        percentile(everyone, 0.9) * 1000,
        f"the {len(answered)} requests that were answered",
        f"all {len(samples)} requests; the {given_up} that timed out waited {limit * 1000:.0f} ms or more",
        [("unanswered", "an 'error rate' elsewhere in the report", f"{given_up / len(samples):.1%}")],
    )
