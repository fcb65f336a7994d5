"""A second of trouble in ten, and a dashboard whose p99 hardly moves.

The lie: each second (or each worker, or each server) reports its own p99, and the dashboard averages them.
An average of percentiles is a percentile of nothing: nine calm seconds hide the bad one.

The truth: add up the histograms, then ask for the percentile. When a tenth of all requests were slow, the
p99 of all requests is slow.

Where you meet it: Grafana panels with avg() over quantile metrics, Prometheus summaries, per-worker
percentiles of a distributed load test.
What to do: keep histograms and merge them (HdrHistogram, Prometheus histograms with
histogram_quantile(sum by (le) (...))).
"""

import asyncio
from itertools import groupby

from lab.lies.clients import Connections, open_loop, percentile, server
from lab.lies.told import Tell, Told

RATE, SECONDS, STALL = 150.0, 10.0, 0.6
PATH = "/work?service=0.002"


async def show(tell: Tell, scale: float = 1.0) -> Told:
    """One run, its p99 averaged over its seconds, and the p99 of all its requests."""
    seconds = SECONDS * scale
    async with server() as port:
        tell(f"open loop at {RATE:g}/s for {seconds:g} s, one stall of {STALL:g} s ...")

        async def stall() -> None:
            await asyncio.sleep(seconds / 2)
            connections = Connections(port)
            await connections.get(f"/stall?seconds={STALL}")
            connections.close()

        samples, _ = await asyncio.gather(open_loop(port, PATH, RATE, seconds), stall())
    ordered = sorted(samples, key=lambda one: one.intended)
    begin, part = ordered[0].intended, seconds / 10
    parts = [
        percentile([one.waited for one in group], 0.99)
        for _, group in groupby(ordered, key=lambda one: int((one.intended - begin) / part))
    ]
    return Told(
        "p99",
        "ms",
        sum(parts) / len(parts) * 1000,
        percentile([one.waited for one in ordered], 0.99) * 1000,
        f"the average of {len(parts)} p99 values, one each {part:g} s",
        f"the p99 of all {len(ordered)} requests",
        [("p99 of each part", " ".join(f"{value * 1000:.0f}" for value in parts) + " ms", "")],
    )
