"""Under which load a pull was made, in words: a ratio at one rate says nothing of another."""

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.result import PullResult
from lab.trials.schedule import SIDES

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


def rate_of(result: PullResult) -> str:
    """240 sends a second over 3 processes; the length of a message where it is not the usual one"""
    plan = plan_from(result.plan)
    long = plan.content_characters != PullPlan.content_characters
    return _each_second(plan) + (f", {plan.content_characters:,} characters a message" if long else "")


def load_of(result: PullResult) -> str:
    """The same with all that makes a load: where the rate is from, lengths, sockets, rows."""
    plan = plan_from(result.plan)
    return (
        f"{_each_second(plan)} (the rate was {origin(result)}; mix `{plan.mix}`), "
        f"{plan.content_characters:,} characters a message, {plan.receivers:,} listening sockets, "
        f"{plan.users:,} users and {plan.messages:,} messages in the tables"
    )


def _each_second(plan: PullPlan) -> str:
    over = f" over {len(SIDES)} processes" if plan.design == "duet" else ""
    return f"{plan.rate:,.4g} {OPERATIONS[plan.mix]} a second{over}"


def searched(result: PullResult) -> bool:
    """Whether the capacity was searched before the trials; else somebody gave the rate."""
    return bool(result.capacity)


def origin(result: PullResult) -> str:
    """Where the rate is from: given, of a capacity that a search found, or of one that ended without it."""
    if not result.capacity:
        return "given, capacity not searched"
    sides = [result.capacity[side] for side in ("a", "b") if side in result.capacity]
    lowest = min(sides, key=lambda one: float(one["passes"]))
    if lowest["fails"] is None:
        return "from a search of the capacity that ended before any rate failed"
    return "found by a search of the capacity"
