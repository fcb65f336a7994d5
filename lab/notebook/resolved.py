"""How small a difference each design can show on this machine, from A against A of every session."""

import statistics
from collections.abc import Sequence

from scipy.stats import f_oneway

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.standing import Found, committed, quiet
from lab.statistics import CONFIDENCE, effect_of, log_ratios, resolution
from lab.trials.observation import floor_pairs_of, pairs_of
from lab.verdict import LEAST_MARGIN, ratios_of

PAIRS = 12
CHANCE = 0.05
LEAST_TWINS = 6  # A/A pairs of a session that say something about the spread
PARTS = {"backend": "API", "websocket": "websocket"}


def resolved(latest: Sequence[Found]) -> list[str]:
    """A table: design, part and metric x how busy the machine was, from the A/A pairs of every session."""
    found: dict[tuple[str, str, str, str], list[tuple[float, float]]] = {}
    for _, result in latest:
        for verdict in result.verdicts:
            twins = floor_pairs_of(result.observations, verdict.metric)
            if verdict.effect and len(twins) >= LEAST_TWINS:
                ratios = log_ratios([pair.a for pair in twins], [pair.b for pair in twins])
                part = PARTS[result.plan["part"]] if result.plan["design"] == "duet" else "whole stacks"
                key = (result.plan["design"], part, result.label(verdict.metric), _company(result))
                half = resolution(ratios, PAIRS)
                margin = max(LEAST_MARGIN, effect_of(ratios).largest_change)
                found.setdefault(key, []).append((half, margin + half))
    if not found:
        return ["No session is long enough yet."]
    lines = [
        "| design | part | metric | the machine was | half width: median | smallest .. largest "
        "| a verdict from about | sessions |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(key, values) for key, values in sorted(found.items())),
    ]
    return [*lines, "", twins_judged(latest)]


def _row(key: tuple[str, ...], values: Sequence[tuple[float, float]]) -> str:
    halves, needed = zip(*values, strict=True)
    return (
        f"| {' | '.join(key)} | {statistics.median(halves):.1%} | {min(halves):.1%} .. {max(halves):.1%} "
        f"| {statistics.median(needed):.1%} | {len(values)} |"
    )


def twins_judged(latest: Sequence[Found]) -> str:
    """A against A as if it were a lever, by the primary metric: how often there is a difference of none."""
    effects = []
    for _, result in latest:
        twins = floor_pairs_of(result.observations, result.primary.metric)
        if len(twins) >= LEAST_TWINS and all(pair.a > 0 and pair.b > 0 for pair in twins):
            effects.append(effect_of(ratios_of(twins)))
    beyond = sum(one.least_change > LEAST_MARGIN for one in effects)
    apart = sum(one.excludes_one for one in effects)
    return (
        "A against A, judged by the metric that decides as if it were a lever: the whole interval lies "
        f"beyond the least margin of {LEAST_MARGIN:.0%} in {beyond} of {len(effects)} sessions, which would "
        f"be a difference where there is none, and leaves out 0 in {apart} (an interval of {CONFIDENCE:.0%} "
        f"may in {(1 - CONFIDENCE) * len(effects):.1f}). Twins are of one session: what changes from one "
        "session to the next is not in it."
    )


def _company(result: PullResult) -> str:
    """Whether other programs used the machine during the trials."""
    return "the lab's alone" if quiet(result) else "shared"


def bonds(found: Sequence[Found]) -> str:
    """Whether pairs that share their processes, as in ABAB, are more alike; '' for none known."""
    spreads = [
        one for _, result in found if committed(result) if (one := _between_renewals(result)) is not None
    ]
    if not spreads:
        return ""
    seen = sum(p_value < CHANCE for p_value in spreads)
    return (
        "Pairs of ABAB share their processes for some rounds. Pairs of two renewals differ more than pairs "
        f"of one (analysis of variance, p below {CHANCE:g}) in {seen} of {len(spreads)} sessions "
        f"of committed code, where chance alone would say it of {len(spreads) * CHANCE:.1f}."
    )


def _between_renewals(result: PullResult) -> float | None:
    """The p value of the primary metric's pairs; None where a renewal has one pair or there are few."""
    plan, pairs = result.plan, pairs_of(result.observations, result.primary.metric)
    shared = plan_from(plan).renew_every
    if plan["design"] != "abab" or shared < 2 or len(pairs) < PAIRS:
        return None
    blocks: dict[int, list[float]] = {}
    for pair, ratio in zip(pairs, ratios_of(pairs), strict=True):
        blocks.setdefault(pair.number // shared, []).append(ratio)
    several = [own for own in blocks.values() if len(own) > 1]
    return float(f_oneway(*several).pvalue) if len(several) > 1 else None
