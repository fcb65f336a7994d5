"""TCP on loopback or a unix socket between application and PostgreSQL?

Problem: each query is a round trip, so the saving a trip counts as often as there are queries. With
group commit there are fewer trips, and less to save.

Plain way, `tcp`: POSTGRES_HOST=127.0.0.1. Costs: two passes through the loopback stack a query. Fails like
any TCP connection: a half-open one is noticed late without keepalives.

`unix`: POSTGRES_HOST is the socket's folder. Costs: both on one host, file permissions decide who may
connect. Fails when the folder is not shared (containers) or its path is longer than 107 bytes.

Different when: many small queries a request; then several per cent of the client's CPU.
"""

from levers.lever import Lever

LEVER = Lever(
    name="database_transport",
    question="TCP on loopback or a unix socket between application and PostgreSQL?",
    env="DATABASE_TRANSPORT",
    values=("tcp", "unix"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k",
    expected="down",
    because="a round trip over a unix socket costs less kernel time than over loopback TCP",
    sources=("E6", "M7"),
    claim="unix sockets save overhead",
    dishonest_if="TLS or the pool differs between the sides",
)
