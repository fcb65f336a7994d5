"""Should user profiles come from a cache?

Problem: the fastest query is the one not made, and the answer may be old. A cache without bounds in time
and size is a leak with good latency.

Plain way, `off`: ask the database. Costs: a round trip, about 0.1 ms of CPU. Fails with the database.

`process`: a bounded dictionary in each process with a short time to live. Costs: memory a process, and a
hit ratio that falls as processes are added. Fails by staleness: up to the time to live, on each process
differently.

`redis`: one cache for all processes. Costs: a round trip again, to another server. Fails when Redis does:
it must then be a miss, not an error.

Different when: a process is asked more or less, since its own look-ups fill its cache (a duet's processes get
a third of the rate each and were seen to save less, so a stack for each side answers); or keys are spread
otherwise: a run asks for users at random, each as likely as the next, and its page says how many there are
and which share the cache answered.
"""

from levers.honesty import hot_and_never_stale
from levers.lever import Lever

LEVER = Lever(
    name="cache",
    question="Should user profiles come from a cache?",
    env="CACHE",
    values=("off", "process", "redis"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="down",
    because="a hit in the process asks nobody",
    sources=("L12", "E10", "C7"),
    claim="cache everything",
    dishonest_if="all keys are hot, or staleness is not shown",
    also=("cpu_per_1k", "p50", "p99"),
    mix="get_user",
    applies=hot_and_never_stale,
)
