"""TCP on loopback or a unix socket between proxy and application?

Problem: "unix sockets save overhead" is in every second guide, without a number. The saving is real
but small, and often drowned by a difference in keep-alive between the two set-ups compared.

Plain way, `tcp`: a port on 127.0.0.1. Costs: the TCP state machine for bytes that never leave the host.
Fails into ephemeral-port exhaustion when connections are not kept.

`unix`: a socket file. Costs: file permissions, a stale file after kill -9, one host only. Fails to start,
or answers nobody, when an old socket file is left in the way.

Different when: connections are not kept alive: then the cheaper connect counts for more.
"""

from levers.lever import Lever

LEVER = Lever(
    name="app_transport",
    question="TCP on loopback or a unix socket between proxy and application?",
    env="APP_TRANSPORT",
    values=("tcp", "unix"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="down",
    because="a unix socket copies bytes without segments, acknowledgements and checksums",
    sources=("M7", "M8", "M9", "E6"),
    claim="unix sockets save overhead",
    dishonest_if="keep-alive differs between the sides",
    needs=("haproxy",),
    also=("cpu_per_1k", "p50", "p99"),
)
