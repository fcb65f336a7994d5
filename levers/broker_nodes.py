"""How many broker nodes?

Problem: a second node is bought for availability and often sold as speed. It does not carry half of the
hints: each queue has one leader, and the others repeat what it does.

Plain way, `1`: one node. Costs: while it restarts, hints are lost and clients repair. Fails as a whole.

`3`: a cluster with a majority. Costs: memory of three, metadata agreed between them. Fails in
partitions: the minority stops serving.

Different when: nodes are on machines of their own; here the answer is the gap at a kill, not the rate.
"""

from levers.honesty import nodes_share_the_cores
from levers.lever import Lever

LEVER = Lever(
    name="broker_nodes",
    question="How many broker nodes?",
    env="RABBITMQ_NODES",
    values=("1", "3"),
    processes=("rabbitmq",),
    restarts=("stack",),
    design="restart",
    metric="gap",
    expected="down",
    because="the other nodes answer while one restarts",
    sources=("C15", "C16"),
    claim="a cluster is faster and safer",
    dishonest_if="three nodes on two cores are shown as a speed test",
    also=("lost", "delivery_p99"),
    needs=("rabbitmq",),
    applies=nodes_share_the_cores,
    extra_env={"BROKER": "rabbitmq"},
)
