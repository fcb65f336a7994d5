"""How far the figures of a pull can be believed, in the words of its page: guards, caveats, brackets."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.caveats import FULL_MACHINE
from lab.experiments.result import PullResult
from lab.experiments.session import LATENCY_GUARDS
from lab.trials.observation import worst_guards
from lab.verdict import Guard, Verdict
from levers.metrics import METRICS


def guards(result: PullResult) -> list[Guard]:
    """Those of the deciding metric, that of latencies where one has a figure, and the stall test."""
    found = list(result.primary.guards)
    if any(_is_latency_with_figure(one) for one in result.verdicts):
        missing = LATENCY_GUARDS - {one.name for one in found}
        found += [one for one in worst_guards(result.observations) if one.name in missing]
    shown = [
        replace(one, name=f"{one.name} (for latencies)") if one.name in LATENCY_GUARDS else one
        for one in found
    ]
    return shown + _stall_test(result)


def _stall_test(result: PullResult) -> list[Guard]:
    """As a guard; a pull whose generator missed the stall has no result. Older files lack it."""
    test = result.stall_test
    if test is None:
        return []
    seen = f"{test['slow']} slow samples at {test['rate']:,g}/s, {test['needed']} needed"
    return [Guard("stall test", test["slow"] >= test["needed"], seen)]


def sentence(verdict: Verdict) -> str:
    """Without the word, which stands before it; with a clause where a latency is of a full machine."""
    told = verdict.sentence.removeprefix("INVALID: ")
    full = any(one.name in FULL_MACHINE for one in verdict.caveats)
    return f"{told} (The machine was full: see below.)" if full and _is_latency_with_figure(verdict) else told


def _is_latency_with_figure(verdict: Verdict) -> bool:
    return METRICS[verdict.metric].is_latency and verdict.effect is not None


def further_caveats(result: PullResult) -> list[tuple[str, str, str]]:
    """(name, metrics, what was seen) of the further metrics.

    Not those of the deciding one, which stand on the page at length, nor grave ones: the sentence of what
    is INVALID says these.
    """
    told = {(one.name, one.seen) for one in result.primary.caveats}
    found: dict[tuple[str, str], list[str]] = {}
    for verdict in result.verdicts[1:]:
        for one in verdict.caveats:
            if not one.grave and (one.name, one.seen) not in told:
                found.setdefault((one.name, one.seen), []).append(result.label(verdict.metric))
    return [(name, "; ".join(metrics), seen) for (name, seen), metrics in found.items()]


def capacities_alike(result: PullResult) -> str:
    """What the brackets of A and B leave open; '' where they are apart, or one side was not searched."""
    capacity = result.capacity or {}
    found = [capacity[side] for side in ("a", "b") if side in capacity]
    if len(found) < 2:
        return ""
    passes = max(float(one["passes"]) for one in found)
    fails = min(_fails(one) for one in found)
    if passes > fails:
        return ""
    how = "meet" if passes == fails else "overlap"
    return f"The brackets {how}: which side carries more is not shown."


def _fails(searched: Mapping[str, Any]) -> float:
    """The lowest rate that failed; infinite where none did."""
    return math.inf if searched["fails"] is None else float(searched["fails"])
