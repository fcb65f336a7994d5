"""Are prepared statements worth keeping?

Problem: asyncpg prepares each statement once a connection and keeps the plan. Poolers in transaction
mode (PgBouncer before 1.21) forbid that, and people switch the cache off and forget it.

Plain way, `on`: the driver's statement cache. Costs: memory per connection and statement on both sides;
a generic plan may be worse than a custom one. Fails once per connection after some schema changes
("cached plan must not change result type").

`off`: each query is parsed and planned each time. Costs: CPU mostly in PostgreSQL, and a longer exchange.
Fails never; that is why the advice is popular.

Different when: statements are simple (planning is short) or each connection lives briefly.
"""

from levers.lever import Lever

LEVER = Lever(
    name="prepared_statements",
    question="Are prepared statements worth keeping?",
    env="PREPARED_STATEMENTS",
    values=("on", "off"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k_total",
    expected="up",
    because="without the cache each statement is parsed and planned anew, and takes one more exchange",
    sources=("C3",),
    claim="turn the statement cache off to be safe",
    dishonest_if="PostgreSQL's own CPU is left out: it carries most of the price",
    also=("cpu_per_1k", "p50", "p99"),
)
