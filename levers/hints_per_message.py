"""Should hints share a message to the broker?

Problem: a publish with its confirm costs the backend and the broker CPU, whatever is in it, and each consumer
that gets it as well. One hint a message can be dearer than the insert that it tells of.

Plain way, `64`: what arrived while the last publish was under way goes out as one message, up to so many.
No timer: a lone hint leaves at once. Costs: a batch for many partitions reaches most queues, whose
consumers drop what they do not want. Fails to gain where nothing arrives meanwhile: then both are the same.

`1`: a message for each hint, several under way at a time. Costs: six times the CPU a hint where ten would
share one, more than twenty times where 64 would (docs/results/broker.md). Fails by the broker's CPU, which
is the first to be used up.

Different when: messages are rare, or the broker is far away (then batches grow by themselves).
"""

from levers.honesty import no_batch
from levers.lever import Lever

LEVER = Lever(
    name="hints_per_message",
    question="Should hints share a message to the broker?",
    env="HINTS_PER_MESSAGE",
    values=("64", "1"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="each hint then pays for a publish, a confirm and an ack of its own",
    sources=("C12", "C13"),
    claim="batching always costs latency",
    dishonest_if="the rate is so low that no batch ever forms",
    also=("cpu_per_1k", "delivery_p50", "delivery_p99"),
    needs=("rabbitmq",),
    sweep=("1", "2", "8", "64"),
    extra_env={"BROKER": "rabbitmq"},
    applies=no_batch,
)
