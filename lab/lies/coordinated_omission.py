"""A server that stops for two seconds, and a load test that does not notice.

The lie: one user sends, waits, sends again. While the server is stuck that user is stuck as well, so that
the stall is one slow sample among thousands. All requests that would have come in those two seconds, and
would have waited, were never sent: the test left them out in step with the server.

The truth: users do not know each other. They go on arriving while the server is stuck. Send at the times
at which they would arrive, and count each wait from that time.

Where you meet it: ab, wrk, Locust with a wait after each answer, every `for` loop with a timer in it.
What to do: an open loop with latency from the intended send (wrk2, vegeta, k6's arrival-rate executors,
`lab load`).
"""

import asyncio

from lab.lies.clients import Connections, closed_loop, open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS, STALL = 100.0, 10.0, 2.0
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """The same stall, met by a closed loop and by an open one."""
    seconds, stall = SECONDS * scale, STALL * scale
    async with server() as port:
        tell(f"closed loop, {seconds:g} s, the server stops for {stall:g} s in the middle ...")
        closed, _ = await asyncio.gather(
            closed_loop(port, PATH, 1, seconds), _stall(port, seconds * 0.4, stall)
        )
        tell(f"open loop at {RATE:g}/s, the same stall ...")
        opened, _ = await asyncio.gather(
            open_loop(port, PATH, RATE, seconds), _stall(port, seconds * 0.4, stall)
        )
    lied, true = [one.answered for one in closed], [one.waited for one in opened]
    slow = 0.1
    return Told(
        "p99",
        "ms",
        percentile(lied, 0.99) * 1000,
        percentile(true, 0.99) * 1000,
        "one user who waits for each answer, timed from the actual send",
        "users who arrive when they arrive, timed from the intended send",
        [
            ("p50", f"{percentile(lied, 0.5) * 1000:.1f} ms", f"{percentile(true, 0.5) * 1000:.1f} ms"),
            (
                "answers slower than 100 ms",
                f"{sum(v > slow for v in lied)} of {len(lied)}",
                f"{sum(v > slow for v in true)} of {len(true)}",
            ),
        ],
    )


async def _stall(port: int, after: float, seconds: float) -> None:
    await asyncio.sleep(after)
    connections = Connections(port)
    await connections.get(f"/stall?seconds={seconds}")
    connections.close()
