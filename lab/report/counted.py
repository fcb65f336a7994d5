"""What processes and ledger counted beside the metrics of a pull: no verdict is about it."""

import statistics

from lab.experiments.result import PullResult

COUNTED = {
    "acquire_wait_ms": ("wait for a database connection, mean of all operations", "{:.3f} ms"),
    "cache_hit_share": ("look-ups that the cache answered", "{:.0%}"),
    "messages_per_commit": ("messages in one commit, mean", "{:.1f}"),
    "hints_at_once": ("hints handed to the broker at once, mean", "{:.1f}"),
    "refetches_per_1k": ("queries for contents that hints lacked, for 1,000 sends", "{:.0f}"),
    "log_sync_ms": ("wait of a commit until PostgreSQL's log is on the disk, mean", "{:.3f} ms"),
    "stale_reads": ("lists without a message that was acknowledged before", "{:.2%}"),
    "stale_own_reads": ("lists without one that the reader had sent", "{:.2%}"),
}
# A mean of 0 says that there was nothing to take it of.
OF_NOTHING = {"messages_per_commit", "hints_at_once", "log_sync_ms"}
ALSO_NONE = {"stale_reads", "stale_own_reads"}  # that there were none is worth a line


def medians(result: PullResult, name: str) -> tuple[float, float] | None:
    """What the processes counted under this name: the median of A's trials and of B's; None for nothing."""
    told = [(one.side, one.detail.get("counted", {})) for one in result.observations]
    if not any(name in own for _, own in told):
        return None
    a, b = (statistics.median(own.get(name, 0.0) for of, own in told if of == side) for side in ("a", "b"))
    return a, b


def counted(result: PullResult) -> list[str]:
    """What the processes counted besides: the median of each side's trials, where there was any."""
    duet = result.plan["design"] == "duet"
    return [
        f"- {label[:1].upper()}{label[1:]}: "
        + ", ".join(
            f"`{value}` {form.format(seen) if seen or name not in OF_NOTHING else 'not counted'}"
            for value, seen in zip(result.values, found, strict=True)
        )
        + (" (of all sides of the duet together)." if name in ALSO_NONE and duet else ".")
        for name, (label, form) in COUNTED.items()
        if (found := medians(result, name)) and (name in ALSO_NONE or any(found))
    ]
