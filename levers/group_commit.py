"""Should sends that arrive together share one statement and one commit?

Problem: a durable commit is one round trip, one WAL flush and one wake-up of the server process, whatever
is in it. Requests that arrive while the last commit is under way can share the next.

Plain way, `on`: collect what arrives during a commit, one statement for the batch. Costs: a queue and the
care that one bad message never fails its neighbours. Fails as a batch, and is then retried one by one.

`off`: one statement a request. Costs: a round trip and a flush each. Fails to use the disk: a thousand
flushes a second are a thousand, however small.

Different when: the rate is low (nothing arrives together) or the database is sharded by the key.
"""

from levers.honesty import one_rate
from levers.lever import Lever

LEVER = Lever(
    name="group_commit",
    question="Should sends that arrive together share one statement and one commit?",
    env="GROUP_COMMIT",
    values=("on", "off"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k_total",
    expected="up",
    because="each send then pays its own round trip, statement and flush",
    sources=("C8",),
    claim="one INSERT a request is how it is done",
    dishonest_if="shown at one rate only: the gain grows with what arrives together",
    also=("cpu_per_1k", "p50", "p99"),
    applies=one_rate,
)
