"""How should the proxy choose a websocket service for a new socket?

Problem: sockets stay for hours, so a choice once made is kept. After a restart of one instance the
others hold everything, and round robin then sends it only its equal share of the few new ones.

Plain way, `partition`: by a hash of the partition that ROUTING=partition puts the user into, so that all
devices of a user meet in one process, which has all users of its partitions and binds no others: a hint goes
to few. Costs: the proxy must read the user from the request, and 64 places are shared out less evenly than
users. Fails to help with another routing, or with more instances than it has partitions for; fails in skew: a
busy user makes a busy instance, so the hash is bounded (an instance takes at most half more than its share).

`user`: by a hash of the user. Costs: the same reading. Even where users are few. Fails to cull: sooner or
later every instance has somebody of every partition and binds them all, so that each hint goes to each.

`leastconn`: the instance with the fewest sockets. Costs: one counter a server. Fails towards a fresh
instance that gets every new socket at once.

`roundrobin`: in turn. Costs: nothing. Fails to even out after a restart or a scale-up.

Different when: sockets are short-lived, or all users are equally busy.
"""

from levers.lever import Lever

LEVER = Lever(
    name="balance",
    question="How should the proxy choose a websocket service for a new socket?",
    env="BALANCE",
    values=("partition", "user", "leastconn", "roundrobin"),
    processes=("haproxy",),
    restarts=("haproxy",),
    design="abab",
    metric="received_per_wanted",
    expected="either",
    because="even instances have even queues; all devices of a user together mean fewer copies of a hint",
    sources=("C14", "P4"),
    claim="round robin spreads the load evenly",
    dishonest_if="only idle sockets are balanced",
    needs=("haproxy",),
    also=("delivery_p50", "delivery_p99", "cpu_per_1k_total"),
)
