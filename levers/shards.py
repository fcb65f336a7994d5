"""How many shards should a distributed table have?

Problem: shards are what can be moved to new workers: too few cannot be spread, too many cost planning and
connections. Changing the number later rewrites the table under a lock.

Plain way, `32`: Citus' default. Costs: 32 tables and their indexes on each migration. Fails on
queries that fan out: 32 tasks each.

`6`: what one might pick for two workers. Costs: no room beyond six. Fails in skew: 6 over 4 workers.

`1`: no distribution. Costs: nothing, gains nothing. Fails to move.

Different when: there are more machines. On one the count shows only its price.
"""

from levers.lever import Lever

LEVER = Lever(
    name="shards",
    question="How many shards should a distributed table have?",
    env="SHARD_COUNT",
    values=("32", "6", "1"),
    processes=("postgres",),
    restarts=("postgres",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="either",
    because="fewer shards mean less fan-out and less to spread",
    sources=("C20",),
    claim="more shards are faster",
    dishonest_if="all shards share one machine and the figure is called a gain",
    also=("p50", "p99"),
    needs=("citus",),
    sweep=("1", "2", "4", "8", "16", "32"),
    mix="chat",  # a list of dialogs asks every shard
    leaves_open="fan-out, by sends alone: each goes to one shard of however many (docs/results/citus.md)",
)
