"""Which event loop should a process run on, and did it really get it?

Problem: every request and every push crosses the loop several times. uvloop is a C implementation of
the same interface. A failed import falls back silently, and debug mode (one environment variable left
over from a search for a bug) costs more than uvloop ever gives.

Plain way, `uvloop`: install it and pass its loop factory to the runner. Costs: a compiled wheel, one more
thing to update, other stack traces. Fails silently where the wheel is missing; read the loop's class at
/health, not the setting.

`asyncio`: the standard library's loop. Costs: more CPU in selector and transport for each read and
write. Fails never, which is why it is the fallback.

`asyncio_debug`: the standard loop with slow-callback and never-awaited checks. Costs: a traceback kept
for every task and handle; one echo took 112 us instead of 36 where it was measured first. Fails as a
production setting: it is a trap, and here as a value so that its price can be shown.

Different when: the handler itself is heavy. The loop's share shrinks as the work per request grows.
"""

from levers.lever import Lever

LEVER = Lever(
    name="event_loop",
    question="Which event loop should a process run on?",
    env="EVENT_LOOP",
    values=("uvloop", "asyncio", "asyncio_debug"),
    processes=("backend", "websocket", "single"),
    restarts=("backend", "websocket", "single"),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="the standard loop runs its selector and transports in Python",
    sources=("M11",),
    claim="potential performance improvement: pip3 install uvloop",
    quoted=True,
    dishonest_if="the loop in use was not read from the running process",
)
