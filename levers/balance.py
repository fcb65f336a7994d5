"""How should the proxy choose a websocket service for a new socket?

Problem: sockets stay for hours, so a choice once made is kept. After a restart of one instance the
others hold everything, and round robin then sends it only its equal share of the few new ones.

Plain way, `user`: by a hash of the user, so all devices of a user meet in one process, and a hint has
one destination. Costs: the proxy must read the user from the request. Fails in skew: a busy user makes a
busy instance; the hash is therefore bounded (an instance takes at most half more than its share).

`partition`: by the partition that ROUTING=partition hashes the user into, so that an instance has all users
of its partitions and binds no others. Costs: 64 places to share out, so instances are less even. Fails to
help with another routing, or with more instances than it has partitions for.

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
    values=("user", "partition", "leastconn", "roundrobin"),
    processes=("haproxy",),
    restarts=("haproxy",),
    design="abab",
    metric="delivery_p99",
    expected="either",
    because="even instances have even queues; all devices of a user together mean fewer copies of a hint",
    sources=("C14", "P4"),
    claim="round robin spreads the load evenly",
    dishonest_if="only idle sockets are balanced",
    needs=("haproxy",),
    also=("delivery_p50", "received_per_wanted", "cpu_per_1k_total"),
)
