"""How many unacknowledged hints may a websocket service hold?

Problem: prefetch bounds what a consumer has in hand. At 1 every message costs a round trip to the broker; one
that is never acknowledged then stops the queue for ever.

Plain way, `100`: about twice rate x round trip. One acknowledgement is sent for half of it. Costs: a hundred
repeated after a crash where a queue is consumed again (here none is). Fails to matter beyond that.

`1`, `10`: careful. Costs: throughput falls to prefetch / round trip. Fails when one ack is forgotten:
with 1 the queue stands still.

`0`: unlimited. Costs: the broker's queue moves into the consumer's memory. Fails by memory, at the worst
time.

Different when: the consumer is far away: the right number grows with the round trip.
"""

from levers.honesty import nothing_waits
from levers.lever import Lever

LEVER = Lever(
    name="prefetch",
    question="How many unacknowledged hints may a websocket service hold?",
    env="PREFETCH",
    values=("100", "1", "10", "0"),
    processes=("websocket",),
    restarts=("websocket",),
    design="abab",
    metric="delivery_p50",
    expected="up",
    because="each hint then waits for the acknowledgement of the one before",
    sources=("C12", "C13"),
    claim="prefetch 1 is the safe choice",
    dishonest_if="the rate is so low that nothing ever waits",
    also=("delivery_p99", "cpu_per_1k", "cpu_per_1k_total"),
    needs=("rabbitmq",),
    sweep=("1", "2", "5", "10", "20", "50", "100", "200", "0"),
    extra_env={"BROKER": "rabbitmq"},
    applies=nothing_waits,
)
