"""A result small enough to be committed: each side's histograms added up once, one timeline."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hdrh.histogram import HdrHistogram

from lab.experiments.result import PullResult
from lab.trials.observation import Observation
from lab.trials.schedule import Side

HISTOGRAMS = ("intended", "send")
ONCE = (*HISTOGRAMS, "seconds")


def compact(result: PullResult) -> PullResult:
    """The result with what belongs to a side kept in its last observation; verdicts and metrics stay.

    Adding histograms up loses nothing that a report draws: percentiles are of all trials anyway.
    """
    last = {one.side: number for number, one in enumerate(result.observations)}
    kept = []
    for number, one in enumerate(result.observations):
        detail = {name: value for name, value in one.detail.items() if name not in ONCE}
        if last[one.side] == number and one.side != "a2":
            detail |= _of_side(result.observations, one)
        kept.append(replace(one, detail=detail))
    return replace(result, observations=kept)


def _of_side(observations: Sequence[Observation], last: Observation) -> dict[str, Any]:
    found: dict[str, Any] = {"seconds": last.detail.get("seconds", [])}
    for kind in HISTOGRAMS:
        total = histogram_of(observations, last.side, kind)
        found[kind] = total.encode().decode() if total else ""
    return found


def histogram_of(observations: Sequence[Observation], side: Side, kind: str) -> HdrHistogram | None:
    """The histograms of a side over all trials, added up; None when there is none."""
    total = None
    for one in observations:
        encoded = one.detail.get(kind)
        if one.side != side or not encoded:
            continue
        histogram = HdrHistogram.decode(encoded)
        if total is None:
            total = histogram
        else:
            total.add(histogram)
    return total
