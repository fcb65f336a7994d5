"""Classic or quorum queues?

Problem: a quorum queue survives the loss of a node; it writes each message to a log on a majority of the
nodes. For hints that a client can repair from the database that may be too much of a good thing.

Plain way, `classic`: one node has the queue. Costs: least. Fails with its node: what was in it is gone
until repair.

`quorum`: replicated by Raft. Costs: disk writes and messages between nodes for each hint. Fails to accept
without a majority; on one node it has the price and not the benefit.

Different when: nodes have machines of their own. Three nodes on two cores are a correctness test, never
a speed test.
"""

from levers.honesty import nothing_replicated
from levers.lever import Lever

LEVER = Lever(
    name="queue_type",
    question="Classic or quorum queues?",
    env="QUEUE_TYPE",
    values=("classic", "quorum"),
    processes=("websocket",),
    restarts=("websocket",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="each hint is written to a replicated log first",
    sources=("C15",),
    claim="quorum queues everywhere",
    dishonest_if="three nodes on two cores are shown as a speed test",
    also=("delivery_p50", "delivery_p99", "gap"),
    needs=("rabbitmq",),
    applies=nothing_replicated,
    extra_env={"BROKER": "rabbitmq"},
)
