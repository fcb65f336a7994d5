"""How many database connections should one process hold?

Problem: a pool of two "may be too little", a pool of forty times nine workers meets the server's limit.
Throughput alone does not show it: the wait for a connection does, in the tail.

Plain way, `10`: the usual default. Costs: ten server processes for each application process. Fails when
processes x pool passes max_connections: the server then refuses.

`1`, `2`: few. Costs: requests wait for each other; with group commit that is just what makes batches.
Fails for reads beside a slow query: one report blocks everybody.

`5`, `20`, `40`: more than the server has cores. Costs: memory and snapshot work in PostgreSQL. Fails by
moving the queue from the pool, where it is seen, into the server, where it is not.

Different when: the database has many cores or slow disks; each waiting commit wants its connection.
"""

from levers.honesty import pool_never_full
from levers.lever import Lever

LEVER = Lever(
    name="pool_size",
    question="How many database connections should one process hold?",
    env="POOL_SIZE",
    values=("10", "1", "2", "5", "20", "40"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="p99",
    expected="either",
    because="too few wait in the pool, too many in the server",
    sources=("M12",),
    claim="the default db_poolsize of 2 may be too little in some situations",
    quoted=True,
    dishonest_if="only throughput is shown and not the acquire wait, or that is about zero on both sides",
    also=("p50", "cpu_per_1k", "cpu_per_1k_total"),
    mix="list",
    sweep=("1", "2", "3", "4", "6", "8", "10", "16", "24", "32", "48", "64"),
    applies=pool_never_full,
)
