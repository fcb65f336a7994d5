"""How long may hints gather before they are published?

Problem: the publisher, the broker and each consumer pay for a message, whatever is in it, and the most where
each comes alone (docs/results/broker.md has it at several rates). The faster the broker confirms, the fewer
hints arrive while a publish is under way, and the more messages there are: an idle machine pays most.

Plain way, `0`: a publish begins as soon as the last one is confirmed. Costs: small batches while everything
is quick. Fails to save where it could: CPU that nobody needs yet.

`0.005`: at most one publish in 5 ms, of each API process; a lone hint still leaves at once. Costs: up to 5 ms
of each delivery. Fails by nothing that a person would notice.

`0.02`: at most one in 20 ms. Costs: up to 20 ms of each delivery, 10 in the median. Fails where the delivery
is part of an answer that somebody waits for.

Different when: one API process sends few messages (nothing gathers), or the broker is far away (then batches
grow by themselves).
"""

from levers.honesty import few_meet
from levers.lever import Lever

LEVER = Lever(
    name="publish_interval",
    question="How long may hints gather before they are published?",
    env="PUBLISH_INTERVAL_SECONDS",
    values=("0", "0.005", "0.02"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="down",
    because="hints that share a message share its price at the broker and at every service",
    sources=(),
    claim="batching always costs latency",
    dishonest_if="the rate is so low that no two hints meet in an interval",
    also=("delivery_p50", "delivery_p99", "cpu_per_1k"),
    needs=("rabbitmq",),
    extra_env={"BROKER": "rabbitmq"},
    applies=few_meet,
)
