"""What sets a result apart from the others of its lever."""

from collections.abc import Sequence

from lab.experiments.plan import PullPlan
from lab.experiments.preparation import mode_for
from lab.experiments.result import PullResult
from lab.notebook.standing import Found, content_of, question_of
from levers.catalogue import lever_named


def apart(result: PullResult, among: Sequence[Found]) -> str:
    """What sets a result apart from `among`: not the lever's design or mode, a length, a second rate."""
    lever = lever_named(result.lever)
    design = f", by {result.plan['design']}" if result.plan["design"] != lever.design else ""
    mode = f", mode {result.plan['mode']}" if result.plan["mode"] != mode_for(lever) else ""
    content = content_of(result)
    length = f", {content:,} characters" if content != PullPlan.content_characters else ""
    rates = {one.plan["rate"] for _, one in among if question_of(one) == question_of(result)}
    return design + mode + length + (f", {result.plan['rate']:g}/s" if len(rates) > 1 else "")
