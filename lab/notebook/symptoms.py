"""What to look at for whom: a complaint, and the levers that moved what it is about. Words only, no files."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.experiments.result import PullResult
from lab.notebook.advice import FAMILIES, difference, family
from lab.notebook.standing import Found, catalogued, roomy, synced, warmed_as_usual
from lab.report.load_words import OPERATIONS
from lab.verdict import Verdict
from lab.verdict_words import percent

MOST = 5  # levers a line


@dataclass(frozen=True)
class Symptom:
    """`metrics`, one of which moved in a pull, of `levers` only where any are named, of all others else.

    `part`: of a duet of these processes only; `behind` is what no pull says.
    """

    words: str
    metrics: tuple[str, ...]
    part: str = ""
    levers: tuple[str, ...] = ()
    behind: str = ""


HEAD = [
    "## If you have this, look at that",
    "",
    "What each changes from the first value, mostly the default, to the second: one that *helps* is",
    "to be had, one that *hurts* to be looked for. Its page has rates and intervals. Some were only measured",
    "beside the metric that decides, and of many a few move by chance.",
    "",
]
BROKER = ("publish_interval", "amqp_client", "broker", "hints_per_message", "queue_type", "broker_nodes")
SYMPTOMS = (
    Symptom("API processes are busy", ("cpu_per_1k",), part="backend"),
    Symptom(
        "PostgreSQL is busy (CPU of an API process and its PostgreSQL)",
        ("cpu_per_1k_total",),
        part="backend",
        levers=("prepared_statements", "group_commit", "delivery", "paging", "pair_index"),
    ),
    Symptom("Deliveries come late", ("delivery_p50", "delivery_p99")),
    Symptom(
        "The disk is slow",
        ("p50",),
        levers=("durability", "group_commit"),
        behind="what `durability` off loses at a kill: [faults](faults.md)",
    ),
    Symptom("There are many sockets, or frames", ("frames_per_event", "bytes_per_event")),
    Symptom(
        "The broker is busy (CPU of all processes)",
        ("cpu_per_1k_total",),
        levers=BROKER,
        behind="hints that share a message, at several rates: [broker](broker.md)",
    ),
    Symptom("Memory is short", ("memory",)),
)


def symptoms(latest: Sequence[Found]) -> list[str]:
    """A line each, the largest change first; nothing of which no pull moved anything. `latest`: firm ones."""
    lines = [line for one in SYMPTOMS if (line := _line(one, latest))]
    return [*HEAD, *lines, ""] if lines else []


def _line(symptom: Symptom, latest: Sequence[Found]) -> str:
    best: dict[str, tuple[PullResult, Verdict]] = {}
    for one, verdict in sorted(
        _moved(symptom, latest),
        key=lambda each: (
            each[1] != each[0].primary,
            not warmed_as_usual(each[0]),
            not roomy(each[0]),
            -_size(each[1]),
        ),
    ):
        best.setdefault(one.lever, (one, verdict))
    found = sorted(best.values(), key=lambda each: -_size(each[1]))[:MOST]
    if not found:
        return ""
    ways = [
        f"*{way}*: {'; '.join(told)}"
        for way, word in (("Helps", "better"), ("Hurts", "worse"))
        if (told := [_told(*each) for each in found if each[1].word == word])
    ]
    behind = symptom.behind and f"; {symptom.behind}"
    return f"- **{symptom.words}**. {'. '.join(ways)}{behind}."


def _moved(symptom: Symptom, latest: Sequence[Found]) -> list[tuple[PullResult, Verdict]]:
    return [
        (one, verdict)
        for _, one in catalogued(latest)
        if not symptom.levers or one.lever in symptom.levers
        if not symptom.part or (one.plan["design"], one.plan["part"]) == ("duet", symptom.part)
        for verdict in one.verdicts
        if verdict.metric in symptom.metrics and verdict.word in ("better", "worse")
    ]


def _size(verdict: Verdict) -> float:
    assert verdict.effect is not None
    return verdict.effect.factor


def _told(result: PullResult, verdict: Verdict) -> str:
    """[event_loop] `uvloop` to `asyncio` +13.4 %; of waiting and memory the difference"""
    assert verdict.effect is not None
    a, b = result.values
    mix = "" if result.plan["mix"] == "send" else f" ({OPERATIONS[result.plan['mix']].rstrip(',')})"
    absolute = family(verdict.metric) == FAMILIES[1] or verdict.metric == "memory"
    moved = difference(result, verdict.metric) if absolute else percent(verdict.effect.ratio)
    what = synced(result) if verdict == result.primary else ""
    return f"[{result.lever}](levers/{result.lever}.md) `{a}` to `{b}` {moved}{mix}{what}"
