"""One PostgreSQL, one with a replica, or Citus?

Problem: scaling the database is the dearest lever. A replica helps reads only, sharding helps what stays
within one shard, and both cost on the way to every write.

Plain way, `single`: one server. Costs: nothing more. Fails when its disk, memory or one core per query is
not enough, and as a whole when the machine dies.

`replica`: a second server follows. Costs: WAL sent and replayed, a second copy of the cache. Fails
into stale reads, and into lost commits at a promotion unless it is synchronous.

`citus`: a coordinator and workers with the tables sharded. Costs: planning and one more hop for each
statement: in the database servers several times the CPU of a plain one (docs/results/citus.md prints the
factor, against a plain one with group commit and without), of which a send through the whole stack shows
its part. Fails on statements that cannot be routed: they ask every shard.

All three are compared without group commit: on Citus it is off in any case, since a statement for a batch
would not be routed to one shard, and a second difference would hide what the first one costs.

Different when: the nodes have machines of their own. On one machine they share the CPU, and no figure
from there can show a gain from shards: it shows the price.
"""

from levers.lever import Lever

LEVER = Lever(
    name="database",
    question="One PostgreSQL, one with a replica, or Citus?",
    env="DATABASE_MODE",
    values=("single", "replica", "citus"),
    processes=("stack",),
    restarts=("stack",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="each row is written twice, or each statement planned twice",
    sources=("C18", "C23", "E2"),
    claim="shard early; add a replica for speed",
    dishonest_if="the replica or the workers share the CPU and nobody says so",
    also=("p50", "p99"),
    extra_env={"GROUP_COMMIT": "off"},
)
