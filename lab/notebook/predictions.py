"""What was predicted before a run, and whether the answer was known by then. Words only, no files."""

from collections.abc import Sequence

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.standing import Found
from lab.verdict_words import prediction_came_true
from levers.catalogue import lever_named

REPEAT = " (repeat)"


def prediction(result: PullResult, found: Sequence[Found] = ()) -> str:
    """up: came true (repeat). `found`: all results, also those that are not shown otherwise."""
    if not result.prediction:
        return "-"
    words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
    repeat = REPEAT if repeated(result, found) else ""
    return f"{result.prediction}: {words.partition(':')[0]}{repeat}"


def repeated(result: PullResult, found: Sequence[Found]) -> bool:
    """Whether the same was answered before: then whoever predicted could know the answer."""
    return any(
        _asked(one) == _asked(result) and one.started_at < result.started_at and one.primary.decided
        for _, one in found
        if one.lever == result.lever
    )


def predictions(found: Sequence[Found]) -> str:
    """How many came true, of the first result of each question."""
    first = [one for _, one in found if one.prediction and not repeated(one, found)]
    later = sum(bool(one.prediction) for _, one in found) - len(first)
    words = [prediction(one) for one in first]
    came = sum(told.endswith(": came true") for told in words)
    failed = sum("did not come true" in told for told in words)
    own = sum(one.prediction == lever_named(one.lever).expected for one in first)
    return (
        f"Of {len(first)} predictions that were noted before a question was answered for the first time "
        f"{came} came true, {failed} did not, and {len(first) - came - failed} were not decided; {own} of "
        "them repeat what the catalogue expects, and are nobody's own. "
        f"{later} more were noted before a repeat, "
        "with the answer known: they count for nothing."
    )


def _asked(result: PullResult) -> tuple[object, ...]:
    """The question without its rate: who knows the answer at one rate does not guess at the next."""
    plan = plan_from(result.plan)
    held = sorted(plan.held.items())
    return (plan.lever, plan.values, plan.mode, plan.design, plan.metric, plan.mix, *held)
