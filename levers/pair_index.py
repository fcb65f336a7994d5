"""What is the index for reading a dialog worth?

Problem: a dialog's history without an index is a scan that nobody notices on a thousand rows and
everybody on a million.

Plain way, `on`: history by (dialog_id, seq), which is the primary key. Costs: the index is written with
each message. Fails never for this query; each further index slows every send.

`off`: the query cannot use the index. Costs: reading grows with the table. Fails suddenly, when
the table no longer fits the cache.

Different when: the table is tiny, where both look alike: a run states the rows it had.
"""

from levers.honesty import small_table
from levers.lever import Lever

LEVER = Lever(
    name="pair_index",
    question="What is the index for reading a dialog worth?",
    env="PAIR_INDEX",
    values=("on", "off"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k_total",
    expected="up",
    because="without the index each page reads far more rows than it shows",
    sources=("C6", "C8"),
    claim="add an index and it is fast",
    dishonest_if="the table is tiny",
    also=("p50", "p99"),
    mix="list",
    applies=small_table,
    leaves_open="what the index costs the writer: both sides write it, since it is the primary key",
)
