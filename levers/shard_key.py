"""By which column should the messages be distributed?

Problem: the shard key decides how many shards a query asks. By dialog a history is in one place; by
message id it is everywhere.

Plain way, `dialog_id`: all of a dialog in one shard, the send is delegated to it. Costs: a very busy dialog
is one shard's load. Fails for queries that go by user only: those ask every shard.

`id`: messages spread evenly. Costs: every history fans out to all shards (docs/results/citus.md has the
rates). Fails for unique (dialog_id, seq): Citus keeps no unique key without the shard key. The number comes
from the dialog's own row all the same, without a gap.

Different when: nothing ever reads by dialog.
"""

from levers.lever import Lever

LEVER = Lever(
    name="shard_key",
    question="By which column should the messages be distributed?",
    env="SHARD_KEY",
    values=("dialog_id", "id"),
    processes=("postgres",),
    restarts=("postgres",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="a history by dialog then asks every shard instead of one",
    sources=("C19",),
    claim="distribute by the primary key",
    dishonest_if="only inserts are measured, or the shards of one machine are called scaling",
    also=("p50", "p99"),
    needs=("citus",),
    mix="list",
)
