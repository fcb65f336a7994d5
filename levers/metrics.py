"""The figures that a verdict can be about: unit, which way is better, and what the figure is."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """`better` says which way an engineer wants it; `least_samples` how many a trial must have."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher"]
    meaning: str
    least_samples: int = 1

    @property
    def is_latency(self) -> bool:
        """Whether it is a time that somebody waits: then the generator's own lateness takes it away."""
        return self.name.endswith(("p50", "p99"))


_METRICS = (
    Metric(
        "cpu_per_1k",
        "CPU per 1,000",
        "ms",
        "lower",
        "CPU time of the processes that the lever touches, per 1,000 operations, at an equal rate",
    ),
    Metric(
        "cpu_per_1k_total",
        "CPU per 1,000, all",
        "ms",
        "lower",
        "CPU time of every process of the stack, in a duet of the side's own process and of PostgreSQL's "
        "work for it, and of a server that is its value, as Redis (never of the lab's own processes), "
        "per 1,000 operations",
    ),
    Metric("p50", "p50", "ms", "lower", "median answer time, from the intended send", 200),
    Metric("p99", "p99", "ms", "lower", "99th percentile of the answer time, from the intended send", 2_000),
    Metric(
        "delivery_p50", "delivery p50", "ms", "lower", "median time from intended send to the receiver", 200
    ),
    Metric(
        "delivery_p99", "delivery p99", "ms", "lower", "99th percentile from intended send to receiver", 2_000
    ),
    Metric("capacity", "capacity", "per s", "higher", "highest rate that holds the SLO, as a bracket"),
    Metric("memory", "memory", "MiB", "lower", "PSS of the processes that the lever touches"),
    Metric("received_per_wanted", "received / wanted", "", "lower", "hints got / hints it had sockets for"),
    Metric("frames_per_event", "frames a message", "", "lower", "socket frames per message delivered"),
    Metric(
        "bytes_per_event", "bytes a message", "B", "lower", "bytes written to sockets per message delivered"
    ),
    Metric("lost", "lost at a kill", "messages", "lower", "acknowledged and gone after kill -9"),
    Metric("gap", "gap at a kill", "s", "lower", "longest time without a delivery after a kill"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
