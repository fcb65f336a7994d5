"""Should the broker send each hint only to the process that wants it?

Problem: with fanout every websocket process gets every hint and throws most away: its CPU grows with the
load of all. Culling by the broker costs bindings, made and unmade as users come and go.

Plain way, `partition`: users hash into 64 partitions, a process binds those it has users of. Costs: a
process gets its partitions' neighbours too, and a hint for sender and recipient comes twice where both their
partitions are bound. Fails below fanout when every process has some user of every partition: two copies of
each hint where fanout brings one.

`fanout`: everything to everybody. Costs: each process decodes every hint; received / wanted nears the number
of processes only where most hints are for users of one of them, and 1 where each has users of most. Fails to
scale: adding a process adds the whole load once more.

`per_user`: a subject or key a user. Costs: a bind and an unbind a connect; broker memory a user. Fails
in a reconnect storm: ten thousand binds at once.

Different when: processes are many and users on each are few: with four processes and forty users a fanout
throws most away (`lab drill fanout`). A pull has two processes of a hundred users, behind the proxy, which
gives all users of a partition to one of them; in mode multi nobody does, and there is little to cull.
"""

from levers.honesty import users_everywhere
from levers.lever import Lever

LEVER = Lever(
    name="routing",
    question="Should the broker send each hint only to the process that wants it?",
    env="ROUTING",
    values=("partition", "fanout", "per_user"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="abab",
    metric="received_per_wanted",
    expected="either",
    because="a fanout delivers every hint to every process",
    sources=("P2", "P3", "P4"),
    claim="the broker culls, so the servers rest",
    dishonest_if="every user is on every process, or the broker's CPU is left out",
    also=("cpu_per_1k", "cpu_per_1k_total", "delivery_p99"),
    needs=("rabbitmq", "haproxy"),
    applies=users_everywhere,
    leaves_open="many processes with few users (`lab drill fanout` has four)",
)
