"""When is a send acknowledged in relation to the broker?

Problem: two systems (database and broker) cannot be changed in one transaction. Either the answer waits
for both, or an outbox row remembers the second, or one hopes.

Plain way, `confirm`: commit, answer, publish with confirms in the background. Costs: little. Fails if the
process dies between: the hint is gone, the message is not, and the client's sequence number tells.

`outbox`: the hint's row commits with the message and a relay publishes it. Costs: a row written and deleted
for each message. Fails to lose; it may repeat.

`fire_and_forget`: publish once and do not look. Costs: least where a confirm is an answer of its own
(RabbitMQ, NATS); PostgreSQL and Redis answer anyway. Fails silently: hints vanish while the broker is away.

Different when: nothing is killed: then all three look reliable. A pull shows the price; `lab faults` kills,
and counts what was lost.
"""

from levers.lever import Lever

LEVER = Lever(
    name="delivery",
    question="When is a send acknowledged in relation to the broker?",
    env="DELIVERY",
    values=("confirm", "outbox", "fire_and_forget"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k_total",
    expected="either",
    because="an outbox writes and deletes one row more, fire and forget waits for nobody",
    sources=("C12", "P2"),
    claim="a durable queue loses nothing",
    dishonest_if="nothing is killed during the run",
    also=("cpu_per_1k", "p50", "p99", "delivery_p99", "lost"),
    leaves_open="what is lost: a pull kills nothing (docs/results/faults.md does)",
)
