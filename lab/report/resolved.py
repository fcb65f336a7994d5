"""How small a difference each design can show on this machine, from A against A of every session."""

import statistics
from collections.abc import Sequence

from lab.experiments.result import PullResult
from lab.report.standing import Found, quiet
from lab.statistics import log_ratios, resolution
from lab.trials.observation import floor_pairs_of

PAIRS = 12
LEAST_TWINS = 6  # A/A pairs of a session that say something about the spread
PARTS = {"backend": "API", "websocket": "websocket"}


def resolved(latest: Sequence[Found]) -> list[str]:
    """A table: design, part and metric x how busy the machine was, from the A/A pairs of every session."""
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for _, result in latest:
        for verdict in result.verdicts:
            twins = floor_pairs_of(result.observations, verdict.metric)
            if verdict.effect and len(twins) >= LEAST_TWINS:
                ratios = log_ratios([pair.a for pair in twins], [pair.b for pair in twins])
                part = PARTS[result.plan["part"]] if result.plan["design"] == "duet" else "whole stacks"
                key = (result.plan["design"], part, result.label(verdict.metric), _company(result))
                found.setdefault(key, []).append(resolution(ratios, PAIRS))
    if not found:
        return ["No session is long enough yet."]
    lines = [
        "| design | part | metric | the machine was | median | smallest .. largest | sessions |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {' | '.join(key)} | {statistics.median(values):.1%} "
        f"| {min(values):.1%} .. {max(values):.1%} | {len(values)} |"
        for key, values in sorted(found.items())
    ]
    return lines


def _company(result: PullResult) -> str:
    """Whether other programs used the machine during the trials."""
    return "the lab's alone" if quiet(result) else "shared"
