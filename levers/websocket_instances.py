"""How many websocket services?

Problem: one process holds thousands of idle sockets; what limits it is pushes. More processes spread the
pushes, and each gets its copy of hints that concern users of both.

Plain way, `1`: one process. Costs: all sockets fall with it. Fails at one full core.

`2`, `4`: more processes behind the proxy. Costs: memory each; hints for two users on two processes are
decoded twice. Fails as a gain when the cores are already taken.

Different when: sockets are idle: then the number does not matter, except at a restart.
"""

from levers.lever import Lever

LEVER = Lever(
    name="websocket_instances",
    question="How many websocket services?",
    env="WEBSOCKETS",
    values=("1", "2", "4"),
    processes=("stack",),
    restarts=("stack",),
    design="abab",
    metric="delivery_p50",
    expected="either",
    because="pushes are spread over cores, while every hint is received more often",
    sources=("C13", "C14", "P1"),
    claim="scale the websocket service and it holds more",
    dishonest_if="sockets are idle",
    also=("delivery_p99", "cpu_per_1k_total", "memory"),
    sweep=("1", "2", "3", "4"),
)
