"""Which results answer one question, and what sets one apart from the others of its lever."""

from collections.abc import Sequence

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.result import PullResult
from lab.report.advice import Found
from levers.catalogue import lever_named


def question_of(result: PullResult) -> tuple[object, ...]:
    """What was asked, but for the rate: two results with the same are of two times, or of two rates."""
    return (result.lever, result.values, result.plan["mode"], result.plan["design"], content_of(result))


def apart(result: PullResult, among: Sequence[Found]) -> str:
    """What sets a result apart from `among`: another design, the mode single, a length, a second rate."""
    lever = lever_named(result.lever)
    design = f", by {result.plan['design']}" if result.plan["design"] != lever.design else ""
    mode = f", mode {result.plan['mode']}" if result.plan["mode"] == "single" else ""
    content = content_of(result)
    length = f", {content:,} characters" if content != PullPlan.content_characters else ""
    rates = {one.plan["rate"] for _, one in among if question_of(one) == question_of(result)}
    return design + mode + length + (f", {result.plan['rate']:g}/s" if len(rates) > 1 else "")


def content_of(result: PullResult) -> int:
    """Characters of a message."""
    return plan_from(result.plan).content_characters  # older files do not hold it
