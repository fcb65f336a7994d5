"""What sets a result apart from the others of its lever."""

from collections.abc import Sequence

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import WARM_UP_SECONDS, mode_for
from lab.experiments.result import PullResult
from lab.notebook.standing import Found, question_of, standby_of
from levers.metrics import METRICS


def apart(result: PullResult, among: Sequence[Found]) -> str:
    """What sets it apart from `among`: another metric, design, mode, load or setting held, or a rate."""
    plan = plan_from(result.plan)
    lever = plan.of
    judged = f", of {METRICS[plan.metric].label.partition(' per')[0]}" if plan.metric != lever.metric else ""
    design = f", by {plan.design}" if plan.design != lever.design else ""
    mode = f", mode {plan.mode}" if plan.mode != mode_for(lever, plan.held) else ""
    mix = f", mix {plan.mix}" if plan.mix != lever.mix else ""
    content, warm = plan.content_characters, plan.warm_up_seconds
    length = f", {content:,} characters" if content != PullPlan.content_characters else ""
    warmed = f", warmed up for {warm:g} s" if warm != WARM_UP_SECONDS else ""
    rates = {one.plan["rate"] for _, one in among if question_of(one) == question_of(result)}
    rate = f", {plan.rate:,g}/s" if len(rates) > 1 else ""
    standby = ", beside a synchronous standby" if standby_of(result) else ""
    return judged + design + mode + mix + plan.held_words + standby + length + warmed + rate
