"""Under which load a pull was made, in words: a ratio at one rate says nothing of another."""

from collections.abc import Mapping
from typing import Any

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.result import PullResult
from lab.trials.schedule import SIDES
from levers.metrics import METRICS

# What is done so many times a second, by the word of `--mix`.
OPERATIONS = {
    "send": "sends",
    "send_busy": "sends into a few dialogs",
    "list": "newest pages of a dialog",
    "list_while_sent": "newest pages of a dialog, one send to four of them,",
    "list_deep": "pages from anywhere in a dialog",
    "get_user": "look-ups of a profile",
    "chat": "actions of a chat, sends and reads,",
}
# One of them, with its article.
OPERATION = {
    "send": "a send",
    "send_busy": "a send",
    "list": "a page",
    "list_while_sent": "an operation",
    "list_deep": "a page",
    "get_user": "a look-up",
    "chat": "an action",
}


def unit_of(result: PullResult, metric: str) -> str:
    """What a figure is in: of CPU µs for one operation, which is the same number as ms for 1,000."""
    if not metric.startswith("cpu"):
        return METRICS[metric].unit or METRICS[metric].label
    delivery = result.plan["design"] == "duet" and result.plan["part"] == "websocket"
    return f"µs {'a delivery' if delivery else OPERATION[result.plan['mix']]}"


def short_rate_of(result: PullResult) -> str:
    """240/s; what is done where it is not sends, and a length that is not the usual one"""
    plan = plan_from(result.plan)
    what = "" if plan.mix == "send" else f", {OPERATIONS[plan.mix].rstrip(',')}"
    long = plan.content_characters != PullPlan.content_characters
    length = f", {plan.content_characters:,} characters" if long else ""
    return f"{plan.rate:,g}/s{what}{length}{plan.held_words}"


def load_of(result: PullResult) -> str:
    """The same with all that makes a load: where the rate is from, lengths, sockets, rows."""
    plan = plan_from(result.plan)
    return (
        f"{_each_second(plan)} (the rate was {origin(result)}; mix `{plan.mix}`), "
        f"{plan.content_characters:,} characters a message, {plan.receivers:,} listening sockets, "
        f"{plan.users:,} users and {plan.messages:,} messages in the tables{_held(plan)}"
    )


def _held(plan: PullPlan) -> str:
    return f", both sides with{plan.held_words.lstrip(',')}" if plan.held else ""


def _each_second(plan: PullPlan) -> str:
    over = f" over {len(SIDES)} processes" if plan.design == "duet" else ""
    return f"{plan.rate:,.4g} {OPERATIONS[plan.mix]} a second{over}"


def searched(result: PullResult) -> bool:
    """Whether the capacity was searched before the trials; else somebody gave the rate."""
    return bool(result.capacity)


def slower_side(result: PullResult) -> Mapping[str, Any] | None:
    """What the search of the pull's own found out about the side that carried less; None for no search."""
    if not result.capacity:
        return None
    sides: list[Mapping[str, Any]] = [result.capacity[side] for side in ("a", "b") if side in result.capacity]
    return min(sides, key=lambda one: float(one["passes"]))


def bounded(result: PullResult) -> bool:
    """Whether a search of the pull's own saw a rate fail."""
    lowest = slower_side(result)
    return lowest is not None and lowest["fails"] is not None


def origin(result: PullResult) -> str:
    """Where the rate is from: given, of a capacity that a search found, or of one that ended without it."""
    if not searched(result):
        return "given, capacity not searched"
    if not bounded(result):
        return "from a search of the capacity that ended before any rate failed"
    return "found by a search of the capacity"
