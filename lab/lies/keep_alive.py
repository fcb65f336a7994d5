"""Two clients, and a server that is praised for what its client does.

The lie: the old server was measured by a tool that opens a connection for each request, the new one by a
tool that keeps them. The difference is the handshake, and it is credited to the server.

The truth: the same server, the same load, the same keep-alive. In production a proxy or a browser keeps
connections open, so measure with kept ones, and say so.

Where you meet it: `ab` without -k against `wrk`; unix sockets "saving overhead" against TCP without
keep-alive; a client library whose pool is smaller than its concurrency.
What to do: hold everything equal except the lever, and list what was equal (the lab audits the settings in
effect on both sides).
"""

from lab.lies.clients import closed_loop, percentile, server
from lab.lies.told import Tell, Told

SECONDS = 4.0
PATH = "/work?service=0"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """The same server with a connection a request, and with kept connections."""
    seconds = SECONDS * scale
    async with server() as port:
        tell(f"a new connection for each request, {seconds:g} s ...")
        fresh = await closed_loop(port, PATH, 1, seconds, keep_alive=False)
        tell(f"one connection that is kept, {seconds:g} s ...")
        kept = await closed_loop(port, PATH, 1, seconds)
    lied, true = [one.answered for one in fresh], [one.answered for one in kept]
    return Told(
        "p50",
        "ms",
        percentile(lied, 0.5) * 1000,
        percentile(true, 0.5) * 1000,
        "a connection for each request: 'the old server'",
        "one connection that is kept: 'the new server'. It is the same process",
        [("requests per second", f"{len(fresh) / seconds:,.0f}", f"{len(kept) / seconds:,.0f}")],
    )
