"""What does the lab's own tracing cost the system it measures?

Problem: an instrument changes what it measures. With hop times each message carries up to five
timestamps through every process, so that the report can draw its way.

Plain way, `off`: nothing is added. Costs: nothing. Fails to say where the time went.

`on`: the API begins the list, and each process appends the clock to it. Costs: a few bytes and calls a
message. Fails to be comparable between hosts: the clocks differ.

Different when: never by much; it is here because a lab must be able to ask this about itself.
"""

from levers.lever import Lever

LEVER = Lever(
    name="hop_times",
    question="What does the lab's own tracing cost the system it measures?",
    env="HOP_TIMES",
    values=("off", "on"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="five clock readings and their bytes travel with each message",
    sources=("M13", "C24"),
    claim="measuring is free",
    dishonest_if="the side without it is measured by other means",
    also=("cpu_per_1k", "delivery_p50"),
)
