"""Which broker should carry the hints from the API to the websocket services?

Problem: brokers are compared by messages per second, although they promise different things. Here the
truth is in PostgreSQL and a client repairs gaps by sequence number, so each of them may lose a hint:
what differs is the price a hint, the delay, and how often repair is needed.

Plain way, `postgres`: LISTEN/NOTIFY outside the write transaction. Costs: no further server; one
connection a process; what is longer than 8,000 bytes goes in pieces. Fails when a listener stops reading:
all share one queue, and once that is full no NOTIFY works.

`rabbitmq`: a direct or fanout exchange, confirms, a queue for each service. Costs: the broker's CPU, the
most of all where each hint is a message of its own and little where they share one (docs/results/broker.md),
and a cluster to run. Fails at a node stop: confirmed hints in an exclusive queue are
gone.

`nats`: subjects, no storage. Costs: one light process. Fails open: what nobody hears is gone, by design.

`redis`: publish/subscribe. Costs: one process, single-threaded. Fails open as well; a slow subscriber is
cut off.

`memory`: a function call, in mode single only (`lab pull run_mode` compares it). Costs: nothing, and is the
baseline. Fails to leave the process.

Different when: hints are batched: one at a time shows round trips, ten at a time shows brokers. Or there are
more websocket services: a pull has one, docs/results/prices.md has two, where a hint mostly goes to both. Or
RabbitMQ is spoken to by a library (`lab show amqp_client`), which once was the larger part of its price.
"""

from levers.lever import Lever

LEVER = Lever(
    name="broker",
    question="Which broker should carry the hints from the API to the websocket services?",
    env="BROKER",
    values=("postgres", "rabbitmq", "nats", "redis", "memory"),
    processes=("backend", "websocket"),
    restarts=("stack",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="either",
    because="a server made for the job against one more job for PostgreSQL",
    sources=("P2", "P3", "P4", "C12"),
    claim="NATS is faster; RabbitMQ is reliable",
    dishonest_if="guarantees differ and are not shown",
    also=("delivery_p50", "delivery_p99", "p50", "p99"),
    leaves_open="what each broker promises (docs/delivery.md): any may lose a hint, and nothing is killed",
)
