"""What a reader must know of all results at once: where, how busy, at what rates, and what the words mean."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lab.experiments.result import PullResult
from lab.notebook.predictions import predictions
from lab.notebook.standing import FIRM, Found, committed, firm, others_used
from lab.pressure import MOST_OF_OTHERS
from lab.report.load_words import searched
from lab.report.style.page import TEMPLATES
from lab.verdict import Verdict
from levers.catalogue import catalogue
from levers.metrics import METRICS


def head(latest: Sequence[Found], found: Sequence[Found] = ()) -> list[str]:
    """What stands on top of the evidence, and the legend. `found`: all results, also superseded ones."""
    if not latest:
        return machines(latest)
    legend = (TEMPLATES / "legend.md").read_text().splitlines()
    return [*machines(latest), *summary(latest, found), *conditions(latest), *legend, ""]


def summary(latest: Sequence[Found], found: Sequence[Found] = ()) -> list[str]:
    """How the pulls ended, and what had been predicted. `found`: all results, also superseded ones."""
    words = [result.primary.word for _, result in latest]
    moved = [result for _, result in latest if result.primary.word in ("better", "worse")]
    same = words.count("same within the margin")
    seen = sum(bool(result.primary.withheld) for _, result in latest)
    hidden, invalid = words.count("no difference shown"), words.count("INVALID")
    levers = {one.lever for _, one in latest}
    decided = {one.lever for _, one in latest if one.primary.decided}
    return [
        f"A verdict for {len(decided)} of {len(catalogue())} levers, results without one for "
        f"{len(levers - decided)}, a sweep or nothing for {len(catalogue()) - len(levers)}. "
        f"Of {len(latest)} questions, each at its rate, {len(moved)} showed a difference "
        f"({sum(map(firm, moved))} of them firmly: {FIRM}), "
        f"{same} showed sameness, {hidden} could not tell (in {seen} of them a change was "
        f"seen and is not claimed), of {invalid} nothing is claimed. "
        f"{predictions(found or latest)}",
        "",
    ]


def conditions(latest: Sequence[Found]) -> list[str]:
    """How busy the machine was, whose the rates are, and which code ran."""
    results = [result for _, result in latest]
    used = [others_used(result) for result in results]
    shared = [cores for cores in used if cores > MOST_OF_OTHERS]
    busy = f" (median {statistics.median(shared):.1f})" if shared else ""
    tails = [(result, one) for result in results for one in result.verdicts if one.metric.endswith("p99")]
    decided = sum(one.decided for _, one in tails)
    found = sum(searched(result) for result in results)
    return [
        f"In {len(shared)} of {len(used)} sessions other programs used more than {MOST_OF_OTHERS:g} cores"
        f"{busy}. {decided} of {len(tails)} measured p99 got a verdict{_too_few(tails)}. "
        f"In {len(results) - found} the rate was given and the capacity not searched: their ratios hold at "
        "that rate (the table has which part of a capacity that is, where one is known). "
        f"{sum(not committed(result) for result in results)} come from a tree with changes that were not "
        "committed (§ in the table): `--keep` has refused such a tree since.",
        "",
    ]


def _too_few(tails: Sequence[tuple[PullResult, Verdict]]) -> str:
    """How many of the percentiles had too few samples, and how many those had; '' for none."""
    least = METRICS["p99"].least_samples
    had = [min(one.samples_of(tail.metric) for one in result.observations) for result, tail in tails]
    few = [samples for samples in had if samples < least]
    if not few:
        return ""
    return (
        f": in {len(few)} the smallest trial had {min(few):,} to {max(few):,} samples, {least:,} are needed"
    )


def machines(latest: Sequence[Found]) -> list[str]:
    """Where all of it was measured."""
    known: dict[str, dict[str, list[float]]] = {}
    for _, result in latest:
        kernels = known.setdefault(_machine(result.fingerprint), {})
        kernels.setdefault(str(result.fingerprint.get("kernel") or ""), []).append(result.started_at)
    if not known:
        return ["Nothing yet: `lab pull LEVER --keep`, then `lab guide`.", ""]
    told = [f"{words}{_kernels(kernels)}" for words, kernels in sorted(known.items())]
    return ["Measured on " + "; ".join(told) + "." + _disk(latest), ""]


def _kernels(found: Mapping[str, Sequence[float]]) -> str:
    """With which kernel: another one is another machine to the lab, and such figures are marked."""
    if len(found) == 1:
        return "".join(f", Linux {kernel}" for kernel in found if kernel)
    told = [f"Linux {kernel or 'unknown'} ({_when(times)})" for kernel, times in sorted(found.items())]
    return f", in {len(found)} machines: {' and '.join(told)}; a figure beside one of another is marked ◊"


def _when(times: Sequence[float]) -> str:
    first, last = (time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (min(times), max(times)))
    days = first if first == last else f"{first} to {last}"
    return f"{len(times)} pull{'' if len(times) == 1 else 's'}, {days}"


def _machine(fingerprint: Mapping[str, Any]) -> str:
    memory = int(fingerprint.get("memory_bytes") or 0) / 2**30
    return (
        f"{fingerprint.get('cores')} cores of {fingerprint.get('cpu')}, {memory:.0f} GiB, "
        f"{fingerprint.get('system')}, Python {fingerprint.get('python')}"
    )


def _disk(latest: Sequence[Found]) -> str:
    """What durability waits for: on another disk its levers come out differently."""
    found = [seconds for _, result in latest if (seconds := result.fingerprint.get("disk_sync_seconds"))]
    if not found:
        return ""
    low, high = min(found) * 1000, max(found) * 1000
    return (
        f" A write to disk that is waited for took {low:.1f} to {high:.1f} ms there (median of each session)."
    )
