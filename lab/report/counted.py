"""What processes and ledger counted beside the metrics of a pull: no verdict is about it."""

import statistics

from lab.experiments.result import PullResult

COUNTED = {
    "acquire_wait_ms": ("wait for a database connection, mean of all operations", "{:.3f} ms"),
    "cache_hit_share": ("look-ups that the cache answered", "{:.0%}"),
    "stale_reads": ("lists without a message that was acknowledged before", "{:.2%}"),
    "stale_own_reads": ("lists without one that the reader had sent", "{:.2%}"),
}
ALSO_NONE = {"stale_reads", "stale_own_reads"}  # that there were none is worth a line


def counted(result: PullResult) -> list[str]:
    """What the processes counted besides: the median of each side's trials, where there was any."""
    duet = result.plan["design"] == "duet"
    told = [(one.side, one.detail.get("counted", {})) for one in result.observations]
    names = [name for name in COUNTED if any(name in own for _, own in told)]
    found = {
        (side, name): statistics.median(own.get(name, 0.0) for of, own in told if of == side)
        for side in ("a", "b")
        for name in names
    }
    return [
        f"- {label[:1].upper()}{label[1:]}: "
        + ", ".join(
            f"`{value}` {form.format(found[side, name])}"
            for side, value in zip("ab", result.values, strict=True)
        )
        + (" (of all sides of the duet together)." if name in ALSO_NONE and duet else ".")
        for name in names
        for label, form in [COUNTED[name]]
        if name in ALSO_NONE or any(found[side, name] for side in ("a", "b"))
    ]
