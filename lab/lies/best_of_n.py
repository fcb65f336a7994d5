"""A change that does nothing, and a benchmark that shows it is an improvement.

The lie: A is represented by a typical run. B is measured six times, "because the first runs were noisy",
and its best run goes into the report. The best of six draws beats a typical draw of the same thing nearly
always.

The truth: measure both the same number of times, in balanced order, compare pair by pair, take the median
and say how far it could be off. Here both sides are the same server with the same settings.

Where you meet it: "best of 3" tables, benchmarks rerun until they please, `min()` over latencies.
What to do: fix the number of runs before the first one; report every run (`lab pull` keeps a journal).
"""

from lab.lies.clients import open_loop, percentile, server
from lab.lies.told import Tell, Told
from lab.statistics import effect_of, log_ratios

RUNS, SECONDS, RATE = 6, 1.4, 260.0
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """One server against itself: the best of six against a typical run, and six pairs."""
    seconds = SECONDS * scale
    runs: list[tuple[float, float]] = []
    async with server() as port:
        for number in range(RUNS):
            tell(f"pair {number + 1} of {RUNS}: the same server as 'old' and as 'new' ...")
            found = [
                percentile(
                    [
                        one.waited
                        for one in await open_loop(port, PATH, RATE, seconds, seed=10 * number + side)
                    ],
                    0.9,
                )
                for side in range(2)
            ]
            runs.append((found[0], found[1]) if number % 2 == 0 else (found[1], found[0]))
    old, new = [pair[0] for pair in runs], [pair[1] for pair in runs]
    typical = percentile(old, 0.5)
    effect = effect_of(log_ratios(old, new))
    return Told(
        "p90, new against old",
        "%",
        (min(new) / typical - 1) * 100,
        (effect.ratio - 1) * 100,
        f"the best of {RUNS} runs of the new one against a typical run of the old one",
        f"the median of {RUNS} pairs; 95 % interval {effect.low - 1:+.0%} to {effect.high - 1:+.0%}",
        [
            ("the runs of the old one", "", " ".join(f"{value * 1000:.1f}" for value in old) + " ms"),
            ("the runs of the new one", "", " ".join(f"{value * 1000:.1f}" for value in new) + " ms"),
        ],
    )
