"""How often should Python look for garbage that counting references does not find?

Problem: an object in a cycle is freed by the collector only, and the collector looks each time so many more
objects were made than freed. A server that makes thousands of short-lived objects for each of its connections
pays for looks that find nothing.

Plain way, `700`: what Python 3.11 and 3.12 do by themselves. Costs: a look every few dozen messages, and now
and then a walk over everything that lives. Fails by pauses when a process holds many objects.

`20000`: the same look, thirty times as seldom. Costs: what closed sockets leave behind waits longer, some
megabytes. Fails where requests leave large cycles: memory grows until the next look.

`200000`: hardly ever. Costs: tens of megabytes of garbage at times. Fails by a longer pause at that look.

Different when: handlers keep exceptions with their frames, or a framework builds cycles for each request:
then the looks find something, and seldom is dear.
"""

from levers.lever import Lever

LEVER = Lever(
    name="gc_threshold",
    question="How often should Python look for garbage that counting references does not find?",
    env="GC_THRESHOLD",
    values=("20000", "700", "200000"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="each look walks over objects of which none is garbage",
    sources=("M13",),
    claim="CPU and memory per process beside latency",
    dishonest_if="memory is left out, or the trial is too short for a look at the old ones",
    also=("cpu_per_1k_total", "memory", "p50", "p99"),
    leaves_open="whether a look at the oldest objects fell into a trial",
)
