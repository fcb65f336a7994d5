"""Two runs one after the other, and the second one is always better.

The lie: A is measured on an empty cache, then B. B finds warm what A had to fetch, and B wins. Swap the
order and A wins.

The truth: warm up before every trial, alternate the order, and look whether the order explains the
difference. Here A and B are the same server.

Where you meet it: "before" in the morning and "after" in the afternoon; databases measured right after
their start; JIT, page cache, connection pools, DNS.
What to do: balanced order, warm-up thrown away, and a verdict that is refused when the order moves the
figure (`lab pull` does: "order decides").
"""

from lab.lies.clients import Connections, open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS, ITEMS = 30.0, 4.0, 100


def path(number: int) -> str:
    """Every item in turn, so that a cold cache is cold for the first ITEMS requests."""
    return f"/item?id={number % ITEMS}"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """A server against itself: cold then warm, and both warm."""
    seconds = max(SECONDS * scale, 1.5)
    async with server() as port:
        tell("A on a cold cache, then B on what A left behind ...")
        cold = await open_loop(port, path, RATE, seconds, seed=1)
        tell("B ...")
        warm = await open_loop(port, path, RATE, seconds, seed=2)
        tell("A again, warm as B was ...")
        fair = await open_loop(port, path, RATE, seconds, seed=3)
        await _forget(port)
    a, b, again = (percentile([one.waited for one in run], 0.5) * 1000 for run in (cold, warm, fair))
    return Told(
        "A's p50",
        "ms",
        a,
        again,
        f"A first, on a cold cache: B has {b:.1f} ms and 'wins by {a / b:.0f}x'",
        f"A on a warm cache, like B: {again:.1f} ms against {b:.1f} ms",
    )


async def _forget(port: int) -> None:
    connections = Connections(port)
    await connections.get("/forget")
    connections.close()
