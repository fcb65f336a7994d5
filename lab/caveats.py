"""Every warning that a verdict can carry: what was seen, the likely cause, the next thing to try."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caveat:
    """`grave` caveats take the verdict away (INVALID); the others stand beside it."""

    name: str
    seen: str
    cause: str
    next_step: str
    grave: bool = False

    def __str__(self) -> str:
        return f"{self.seen}. {self.cause}. {self.next_step}."


def guard_failed(name: str, words: str) -> Caveat:
    return Caveat(
        f"guard:{name}",
        words,
        "What is reported would not be what was asked for",
        "Lower the rate, free the machine, or give the generator more of it",
        grave=True,
    )


def too_few_pairs(have: int, need: int) -> Caveat:
    return Caveat(
        "too few pairs",
        f"{have} pairs, {need} are the least",
        "The run was interrupted or trials were thrown out",
        "Resume it with the same command",
        grave=True,
    )


def no_floor() -> Caveat:
    return Caveat(
        "no floor",
        "A was never measured against A",
        "Without it nobody knows what this machine calls a difference when there is none",
        "Run again without leaving out the A/A arm",
        grave=True,
    )


def too_few_samples(metric: str, have: int, need: int) -> Caveat:
    return Caveat(
        "too few samples",
        f"{have:,} samples in the smallest trial, {metric} needs {need:,}",
        "A high percentile of few samples is the luck of a handful of requests",
        "Make the trials longer or the rate higher",
        grave=True,
    )


def order_decides(apart: float, p: float) -> Caveat:
    return Caveat(
        "order decides",
        f"pairs that began with A and pairs that began with B differ by {apart:.1%} (p={p:.3f})",
        "Whatever comes second is favoured or hurt: warm caches, growing tables, a machine that slows down",
        "Lengthen the warm-up, or use a design that runs both sides at once",
        grave=True,
    )


def unbalanced(ab: int, ba: int) -> Caveat:
    return Caveat(
        "unbalanced order",
        f"{ab} pairs began with A and {ba} with B",
        "With one order only, a lever cannot be told from coming second",
        "Let the schedule finish, it balances the orders",
        grave=True,
    )


def floor_is_high(floor: float) -> Caveat:
    return Caveat(
        "noisy machine",
        f"A against A differs by up to {floor:.1%}",
        "Something else uses this machine, or the sides are not alike in something unseen",
        "Close other programs, lengthen trials, and look at the pressure under the ratio plot",
    )


def floor_is_off_centre(ratio: float) -> Caveat:
    return Caveat(
        "biased sides",
        f"A against A has a median of {ratio - 1:+.1%} and its interval leaves out 0",
        "The two places are not equal: one process or stack is luckier than the other",
        "Renew the processes more often; the margin has been widened by it",
    )


def drifts(rho: float) -> Caveat:
    return Caveat(
        "drift",
        f"the ratio moves with time (Spearman {rho:+.2f})",
        "One side warms up, grows or leaks during the session",
        "Lengthen the warm-up, or look at memory and table size over time",
    )


def pressure_seen(share: float) -> Caveat:
    return Caveat(
        "pressure",
        f"tasks waited for a core {share:.0%} of the time",
        "Both sides were slowed by a full machine, which hides differences in latency",
        "Lower the rate (--rate) and compare again",
    )


def other_load(cores: float) -> Caveat:
    return Caveat(
        "other load",
        f"other programs used {cores:.2f} cores during the trials",
        "The machine was not the lab's alone",
        "Close them, or trust CPU figures more than latencies",
    )


def statistically_only(change: float, margin: float) -> Caveat:
    return Caveat(
        "real but small",
        f"a change of {change:+.1%} was seen, less than the margin of {margin:.1%}",
        "It is likely real and does not matter here",
        "Pull a lever that matters more",
    )


def shared_machine() -> Caveat:
    return Caveat(
        "one machine",
        "all processes, also replicas, shards and nodes, share the cores of one machine",
        "What would have its own machine elsewhere takes from its neighbours here",
        "Read this as the price of the lever, never as its gain at scale",
    )
