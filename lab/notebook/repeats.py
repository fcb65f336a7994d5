"""All answers to a question that was asked more than once, the superseded ones among them."""

from collections.abc import Sequence
from pathlib import Path

from lab.experiments.result import PullResult
from lab.notebook.signs import signs
from lab.notebook.standing import Found, content_of, firm, others_used, pairs
from lab.statistics import Effect
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
    "| other programs, cores | commit |",
    "|---|---|---|---|---|---|---|---|---|---|",
]


def repeats(everything: Sequence[Found]) -> list[str]:
    """A table of the questions of one lever; nothing where each was asked once."""
    asked = [_asked(one) for _, one in everything]
    again = [each for each in everything if asked.count(_asked(each[1])) > 1]
    again.sort(key=lambda each: (_asked(each[1]), each[1].started_at))
    return [*HEAD, *(_row(path, one) for path, one in again), ""] if again else []


def agreement(everything: Sequence[Found]) -> str:
    """How often two answers about one metric and one rate have intervals that do not overlap."""
    told = []
    for words, own in (
        ("all results", list(everything)),
        ("firm ones", [each for each in everything if firm(each[1])]),
    ):
        asked: dict[tuple[object, ...], list[Effect]] = {}
        for _, one in own:
            rest = (one.lever, one.values, one.plan["mode"], one.plan["design"], content_of(one))
            for verdict in one.verdicts:
                if verdict.effect:
                    asked.setdefault((*rest, one.plan["rate"], verdict.metric), []).append(verdict.effect)
        again = [effects for effects in asked.values() if len(effects) > 1]
        apart = sum(max(one.low for one in each) > min(one.high for one in each) for each in again)
        told.append(f"of {words} {apart} of {len(again)}")
    return (
        "An interval is of its own session. Metrics that were asked again at the same rate, also beside "
        f"another that decided, and have two intervals that do not overlap: {', '.join(told)}."
    )


def _asked(result: PullResult) -> tuple[tuple[str, str], str, int]:
    """What makes changes comparable in kind: values, metric and length of a message."""
    return result.values, str(result.plan["metric"]), content_of(result)


def _row(path: Path, result: PullResult) -> str:
    verdict = result.primary
    commit = result.fingerprint.get("commit") or "unknown"
    return (
        f"| `{result.values[0]}`, `{result.values[1]}` | {content_of(result):,} "
        f"| {result.label(verdict.metric)} | {result.day} "
        f"| {result.plan['mode']}, {result.plan['design']} | {result.plan['rate']:g} "
        f"| {GLYPHS[verdict.word]} [{change(verdict.effect) if verdict.effect else verdict.word}]"
        f"(../pulls/{path.name}){signs(result)} | {pairs(result)} | {others_used(result):.2f} "
        f"| {commit} |"
    )
