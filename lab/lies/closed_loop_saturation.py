"""A server that cannot keep up, and a load test that says it answers in 20 ms.

The lie: ten users, each waiting for the answer before the next request. However slow the server is, never
more than ten requests wait, so the latency is ten service times and looks stable for ever. "It does what
we need at 20 ms."

The truth: demand does not fall because a server is slow. When more arrives than can be served the queue
grows as long as the test lasts, and so does the wait; a latency at such a rate does not exist.

Where you meet it: any tool that is given users (or connections) instead of a rate.
What to do: offer a rate. Raise it until p99 breaks the SLO; that bracket is the capacity (`lab capacity`).
"""

from lab.lies.clients import closed_loop, open_loop, percentile, server
from lab.lies.told import Tell, Told

USERS, SECONDS, OVERLOAD = 10, 6.0, 1.3
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """The same server, asked by ten patient users, and at 1.3 times what they got."""
    seconds = SECONDS * scale
    async with server() as port:
        tell(f"closed loop with {USERS} users, {seconds:g} s ...")
        closed = await closed_loop(port, PATH, USERS, seconds)
        got = len(closed) / seconds
        tell(f"open loop at {got * OVERLOAD:.0f}/s, 30 % more than they got, {seconds:g} s ...")
        opened = await open_loop(port, PATH, got * OVERLOAD, seconds)
    lied, true = [one.answered for one in closed], [one.waited for one in opened]
    late = true[-len(true) // 5 :]
    return Told(
        "p99",
        "ms",
        percentile(lied, 0.99) * 1000,
        percentile(true, 0.99) * 1000,
        f"{USERS} users who wait for each answer: {got:.0f}/s, and never more than {USERS} in the queue",
        f"arrivals at {got * OVERLOAD:.0f}/s, whatever the server does",
        [
            ("p50", f"{percentile(lied, 0.5) * 1000:.0f} ms", f"{percentile(true, 0.5) * 1000:.0f} ms"),
            ("p50 of the last fifth", "the same", f"{percentile(late, 0.5) * 1000:.0f} ms and growing"),
        ],
    )
