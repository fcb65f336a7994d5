"""Should pushes to a socket be held back and sent together?

Problem: a thousand events a second to one device are a thousand frames, a thousand wake-ups and one tired
phone. At most one frame per interval is kinder, and later.

Plain way, `0`: each hint at once. Costs: a frame each. Fails when one dialog explodes.

`0.05`, `0.2`, `1`: seconds. The first at once, then one frame per interval with all that came. Costs:
up to the interval in freshness, and a timer a busy socket. Fails if the last one is forgotten: a test
holds that it never is.

Different when: events per socket are rarer than the interval: then nothing is ever collected.
"""

from levers.lever import Lever

LEVER = Lever(
    name="debounce",
    question="Should pushes to a socket be held back and sent together?",
    env="DEBOUNCE_SECONDS",
    values=("0", "0.05", "0.2", "1"),
    processes=("websocket",),
    restarts=("websocket",),
    design="duet",
    metric="frames_per_event",
    expected="down",
    because="what arrives within the interval shares one frame",
    sources=("P13",),
    claim="at most one per 200 ms",
    quoted=True,
    dishonest_if="latency is taken from the last coalesced event only",
    also=("cpu_per_1k", "delivery_p50", "delivery_p99"),
    mix="send_busy",
)
