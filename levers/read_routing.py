"""Should reads go to a replica?

Problem: a replica takes read load off the primary and answers from the past. The user who has just sent
a message and does not see it in the list writes to support.

Plain way, `primary`: all reads where the writes are. Costs: CPU on the server that cannot be multiplied.
Fails with the primary.

`replica`: reads from the follower. Costs: staleness of the replay lag. Fails quietly: rows that
are not there yet; stale reads are counted beside the latency.

`replica_ryw`: the replica, but a user who wrote within the last moments reads the primary. Costs: one
remembered position a user. Fails for readers who were told by another way (a push) before the replica
has the row.

Different when: the replica has a machine of its own. Here both share the cores, which is said.
"""

from levers.honesty import relief_unseen
from levers.lever import Lever

LEVER = Lever(
    name="read_routing",
    question="Should reads go to a replica?",
    env="READ_ROUTING",
    values=("primary", "replica", "replica_ryw"),
    processes=("backend",),
    restarts=("backend",),
    # Every side has the replica and so its replay, which is in no side's figure; a read is charged to who
    # asked for it, on either server.
    design="duet",
    metric="cpu_per_1k_total",
    expected="either",
    because="the primary is relieved, but replay costs CPU as well",
    sources=("E2", "E4", "E5", "C23"),
    claim="reads on the replica are free",
    dishonest_if="stale reads are not counted, or the relief of the primary is not",
    also=("p50", "p99", "cpu_per_1k"),
    mix="list_while_sent",
    applies=relief_unseen,
)
