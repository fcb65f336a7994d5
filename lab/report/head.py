"""What a reader must know of all results at once: where, how busy, at what rates, and what the words mean."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from lab.experiments.result import PullResult
from lab.experiments.session import MOST_OF_OTHERS
from lab.report.load_words import searched
from lab.report.standing import Found, committed, firm, others_used
from lab.report.style.page import TEMPLATES
from lab.verdict import LOOKS, Verdict
from lab.verdict_words import prediction_came_true
from levers.catalogue import lever_named
from levers.metrics import METRICS


def head(latest: Sequence[Found]) -> list[str]:
    """The paragraphs under the title, and the legend."""
    machines = _machines(latest)
    if not latest:
        return machines
    legend = (TEMPLATES / "legend.md").read_text().splitlines()
    return [*machines, *summary(latest), *conditions(latest), *legend, ""]


def summary(latest: Sequence[Found]) -> list[str]:
    """How the pulls ended, in one sentence."""
    words = [result.primary.word for _, result in latest]
    moved = [result for _, result in latest if result.primary.word in ("better", "worse")]
    same = words.count("same within the margin")
    hidden, invalid = words.count("no difference shown"), words.count("INVALID")
    own = sum(result.prediction == lever_named(result.lever).expected for _, result in latest)
    made = sum(bool(result.prediction) for _, result in latest)
    came = sum(prediction(result).endswith("came true") for _, result in latest)
    failed = sum("did not come true" in prediction(result) for _, result in latest)
    return [
        f"{len(latest)} pulls of {len({one.lever for _, one in latest})} levers: {len(moved)} showed a "
        f"difference ({sum(map(firm, moved))} of them firmly: {LOOKS[0]} pairs or more, a quiet machine, "
        f"committed code), {same} showed sameness, {hidden} could not tell, of {invalid} nothing is claimed. "
        f"Of {made} predictions that were noted before the runs {came} came true and {failed} did not; "
        f"{own} of them repeat what the catalogue expects, and are nobody's own.",
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
        f"{busy}; {decided or 'no'} p99 was decided, of {len(tails)} that were measured{_too_few(tails)}. "
        f"In {len(results) - found} the rate was given and the capacity not searched: their ratios hold at "
        "that rate, and how near to its limit the stack was is not known. "
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


def prediction(result: PullResult) -> str:
    """up: came true"""
    if not result.prediction:
        return "-"
    words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
    return f"{result.prediction}: {words.partition(':')[0]}"


def _machines(latest: Sequence[Found]) -> list[str]:
    machines = sorted({_machine(result.fingerprint) for _, result in latest})
    if not machines:
        return ["Nothing yet: `lab pull LEVER --keep`, then `lab guide`.", ""]
    return ["Measured on " + "; ".join(machines) + "." + _disk(latest), ""]


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
