"""What sets a result apart from the others of its lever."""

from collections.abc import Sequence

from lab.experiments.plan import PullPlan
from lab.experiments.preparation import WARM_UP_SECONDS, mode_for
from lab.experiments.result import PullResult
from lab.notebook.standing import Found, content_of, question_of
from levers.catalogue import lever_named
from levers.metrics import METRICS


def apart(result: PullResult, among: Sequence[Found]) -> str:
    """What sets it apart from `among`: another metric, design or mode, a length, warm-up or rate."""
    lever = lever_named(result.lever)
    metric = result.plan["metric"]
    judged = f", of {METRICS[metric].label.partition(' per')[0]}" if metric != lever.metric else ""
    design = f", by {result.plan['design']}" if result.plan["design"] != lever.design else ""
    mode = f", mode {result.plan['mode']}" if result.plan["mode"] != mode_for(lever) else ""
    content = content_of(result)
    length = f", {content:,} characters" if content != PullPlan.content_characters else ""
    warm = result.plan["warm_up_seconds"]
    warmed = f", warmed up for {warm:g} s" if warm != WARM_UP_SECONDS else ""
    rates = {one.plan["rate"] for _, one in among if question_of(one) == question_of(result)}
    rate = f", {result.plan['rate']:g}/s" if len(rates) > 1 else ""
    return judged + design + mode + length + warmed + rate
