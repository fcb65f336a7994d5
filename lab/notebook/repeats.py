"""All answers to a question that was asked more than once, the superseded ones among them."""

from collections.abc import Sequence
from pathlib import Path

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.signs import signs
from lab.notebook.standing import Found, others_used, pairs
from lab.verdict import Verdict
from lab.verdict_words import GLYPHS, change

HEAD = [
    "## Measured more than once",
    "",
    "Every result of a question that has several, for each length of a message the oldest first, whatever",
    "became of it. Absolute figures of two of them cannot be compared; their changes can, where mode,",
    "design and load are the same, but an interval is of its own session: code, processes and minutes of",
    "another are not in it.",
    "",
    "| A, B | characters | metric | date | mode, design | each second | change (95 %) | pairs "
    "| other programs, cores (median trial) | commit |",
    "|---|---|---|---|---|---|---|---|---|---|",
]


Asked = tuple[tuple[str, str], str, tuple[object, ...]]


def repeats(everything: Sequence[Found]) -> list[str]:
    """A table of the questions of one lever; nothing where each was asked once.

    Of a metric that decided a pull also what pulls say in which another one decided.
    """
    rows: dict[Asked, list[str]] = {}
    for asked in sorted({_asked(one, str(one.plan["metric"])) for _, one in everything}):
        told = [
            (path, one, verdict)
            for path, one in sorted(everything, key=lambda each: each[1].started_at)
            for verdict in one.verdicts
            if _asked(one, verdict.metric) == asked
        ]
        if len(told) > 1:
            rows[asked] = [_row(*each) for each in told]
    return [*HEAD, *(row for own in rows.values() for row in own), ""] if rows else []


def _asked(result: PullResult, metric: str) -> Asked:
    """What makes changes comparable in kind: values, metric, load but for its rate, settings held."""
    plan = plan_from(result.plan)
    return result.values, metric, (plan.content_characters, plan.mix, *sorted(plan.held.items()))


def _row(path: Path, result: PullResult, verdict: Verdict) -> str:
    commit = result.fingerprint.get("commit") or "unknown"
    plan = plan_from(result.plan)
    mix = "" if plan.mix == plan.of.mix else f", mix {plan.mix}"
    return (
        f"| `{result.values[0]}`, `{result.values[1]}`{mix}{plan.held_words} | {plan.content_characters:,} "
        f"| {result.label(verdict.metric)} | {result.day} "
        f"| {result.plan['mode']}, {result.plan['design']} | {result.plan['rate']:g} "
        f"| {GLYPHS[verdict.word]} [{change(verdict.effect) if verdict.effect else verdict.word}]"
        f"(../pulls/{path.name}){signs(result)} | {pairs(result)} | {others_used(result):.2f} "
        f"| {commit} |"
    )
