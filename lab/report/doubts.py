"""What a lever's own `dishonest_if` has against its results, and what these do not show."""

from collections.abc import Sequence
from typing import Any

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.report.counted import COUNTED, medians
from levers.catalogue import lever_named
from levers.metrics import METRICS


def applies(own: Sequence[PullResult]) -> str:
    """In which way the condition is true of a lever's results; '' for in none that plans can tell."""
    lever = lever_named(own[0].lever)
    return lever.applies([_told(one) for one in own]) if lever.applies else ""


def _told(result: PullResult) -> dict[str, Any]:
    """The plan, and what the processes of each side counted: name -> the medians of A and B."""
    seen = {name: found for name in COUNTED if (found := medians(result, name))}
    return {**plan_from(result.plan).as_json(), **seen}


def doubts(own: Sequence[PullResult], applying: str = "That applies here", shown: bool = True) -> str:
    """Sentences to go behind others; '' for nothing. `shown`: also what no pull of the lever shows."""
    if not own:
        return ""
    told = {applying: applies(own), "Not shown": lever_named(own[0].lever).leaves_open if shown else ""}
    return "".join(f" {name}: {words}." for name, words in told.items() if words)


def unchecked(result: PullResult, own: Sequence[PullResult]) -> str:
    """Of what a duet decided and the database has a part in: that ABAB was not asked; '' where it was."""
    plan, verdict = result.plan, result.primary
    duet = plan["design"] == "duet" and plan["part"] == "backend"
    latency = METRICS[verdict.metric].is_latency
    if not (duet and verdict.decided and (latency or verdict.metric == "cpu_per_1k_total")):
        return ""
    if any(one.plan["design"] != "duet" and one.values == result.values for one in own):
        return ""
    how = "distorts" if latency else "may move"
    return f" Not checked by ABAB: both sides share the database here, which {how} the difference."
