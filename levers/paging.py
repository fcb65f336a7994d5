"""Keyset or offset for paging through a dialog?

Problem: OFFSET n reads n rows to throw them away, and a row inserted meanwhile shifts every later page,
so that a reader sees rows twice.

Plain way, `keyset`: "after seq 4711", found through the primary key. Costs: no jump to page 37. Fails only
when the order is not total; seq is.

`offset`: "skip 3,000". Costs: time in proportion to depth. Fails by doubled and missing rows under
concurrent writes.

Different when: only first pages are ever read, where both are one index probe: a run reads deep pages.
"""

from levers.lever import Lever

LEVER = Lever(
    name="paging",
    question="Keyset or offset for paging through a dialog?",
    env="PAGING",
    values=("keyset", "offset"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k_total",
    expected="up",
    because="OFFSET walks over every row that it skips",
    sources=("C8",),
    claim="limit and offset are enough",
    dishonest_if="only first pages are read",
    also=("p50", "p99", "cpu_per_1k"),
    mix="list_deep",
)
