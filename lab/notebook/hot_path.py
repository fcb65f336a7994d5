"""What a share of the API's CPU is a share of: the hand-made path in front of FastAPI, not FastAPI's."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.standing import Found, elsewhere, firm, question_of
from lab.trials.observation import pairs_of
from levers.catalogue import lever_named

LEVER, LAYERS = "query_path", ("raw", "fastapi")
BEHIND = {"QUERY_PATH": LAYERS[1]}
WITHOUT_ORM = "fastapi_asyncpg"  # what an ORM is told against: the same layers, the same check of tokens
ONLY_THERE = ("group_commit",)  # what a handler of FastAPI does not have
API, WITH_POSTGRESQL = "cpu_per_1k", "cpu_per_1k_total"


def on_hot_path(name: str) -> bool:
    """Whether a lever is judged by the CPU of one API process, of a send."""
    lever = lever_named(name)
    return "backend" in lever.processes and lever.metric == API and lever.mix == "send"


def of_the_api(result: PullResult) -> bool:
    """Whether its answer is a share of what one API process uses for a send on the short path."""
    send = result.plan["mix"] == "send" and result.primary.metric == API
    behind = plan_from(result.plan).held.get("QUERY_PATH", LAYERS[0]) != LAYERS[0]
    return (
        _one_process(result) and send and result.lever != LEVER and on_hot_path(result.lever) and not behind
    )


def shares(latest: Sequence[Found], here: str = "") -> str:
    """One sentence; `here` is the way to the folder of the levers' pages."""
    return (
        "Shares of the API's CPU are of the default path `raw`, on which a send and a page are answered in "
        f"front of FastAPI (backend/hot_path.py). A handler that goes through FastAPI's own layers costs "
        f"{_times_as_much(latest, here)}."
    )


def of_the_layers(latest: Sequence[Found]) -> str:
    """What the second figure of a row is; less is said where the price of the layers is not known."""
    raw = "CPU of the API on sends and pages is of `raw`, which answers them in front of FastAPI"
    if not _priced(latest):
        return f"{raw}: behind FastAPI's own layers the share is smaller."
    return (
        f"{raw}. *Behind FastAPI* is a pull of its own, with `--set QUERY_PATH=fastapi` on both sides (of an "
        "ORM, against `fastapi_asyncpg`). With *about* it is a share: through FastAPI's own layers a send "
        f"takes {_times_as_much(latest, 'levers/')}."
    )


def _times_as_much(latest: Sequence[Found], here: str) -> str:
    """2.1 times as much at 400/s (query_path), so there the same µs are about 48% of the share"""
    one = max(_priced(latest), key=lambda each: float(each.plan["rate"]), default=None)
    if one is None:
        return "more, so there the same µs are a smaller share"
    times = _ratio(one)
    return (
        f"{times:.1f} times as much at {one.plan['rate']:,g}/s ([query_path]({here}query_path.md)), so there "
        f"the same µs are about {1 / times:.0%} of the share that is printed"
    )


def against_layers(result: PullResult) -> bool:
    """Whether it is a second figure of another: FastAPI's layers against an ORM, which has them as well."""
    return result.lever == LEVER and result.values[0] == WITHOUT_ORM


def behind_layers(result: PullResult, latest: Sequence[Found]) -> float:
    """The ratio for a handler of FastAPI, which has the same µs on top; 0 for none, or where it is unknown.

    Of a pull there, where one was made. Else what FastAPI's layers take is of the pull at the nearest rate.
    An ORM has them in it: there it is the ratio of a pull against these, and no quotient of two pulls.
    """
    effect = result.primary.effect
    if there := pulled_there(result, latest):
        return _ratio(there)
    if result.plan["mix"] != "send" or effect is None:
        return 0.0
    if result.lever == LEVER:
        return _ratio(_against(result, latest))
    own, whole = (_first_side(result, metric) for metric in (API, result.primary.metric))
    priced = _nearest(_priced(latest), result)
    counted = of_the_api(result) or (_one_process(result) and result.primary.metric == WITH_POSTGRESQL)
    if not (priced and own and whole and counted) or result.lever in ONLY_THERE:
        return 0.0
    return 1 + (effect.ratio - 1) * whole / (whole + (_ratio(priced) - 1) * own)


def _against(result: PullResult, latest: Sequence[Found]) -> PullResult | None:
    """Of an ORM against the path in front of FastAPI: the pull against FastAPI itself; None for none."""
    if result.lever != LEVER or result.values[0] != LAYERS[0]:
        return None
    return _nearest(_decided(latest, (WITHOUT_ORM, result.values[1])), result)


def pulled_there(result: PullResult, latest: Sequence[Found]) -> PullResult | None:
    """The same question asked with FastAPI's own layers on both sides, at the nearest rate; None for none."""
    plan = plan_from(result.plan)
    asked = question_of(replace(result, plan={**result.plan, "held": {**plan.held, **BEHIND}}))
    own = [one for _, one in latest if question_of(one) == asked and one.primary.effect and firm(one)]
    return _nearest(own, result)


def second_figure(result: PullResult, latest: Sequence[Found]) -> str:
    """behind FastAPI +15 %; about +15 % where no pull says so, '' for none"""
    there, pulled = behind_layers(result, latest), pulled_there(result, latest)
    if pulled and not pulled.primary.decided:
        return f"behind FastAPI {pulled.primary.word}{elsewhere(result, pulled)}"
    told = f"{there:.1f}x" if there >= 2 else f"{(there - 1) * 100:+.0f} %"
    about = "" if result.lever == LEVER or pulled else "about "
    source = pulled or _against(result, latest)
    other = elsewhere(result, source) if source else ""
    return f"behind FastAPI {about}{told}{other}" if there else ""


def _one_process(result: PullResult) -> bool:
    return bool(result.plan["design"] == "duet" and result.plan["part"] == "backend")


def _priced(latest: Sequence[Found]) -> list[PullResult]:
    """The pulls that say what FastAPI's layers cost, the firm ones where there are any."""
    return _decided(latest, LAYERS)


def _decided(latest: Sequence[Found], values: tuple[str, str]) -> list[PullResult]:
    own = [
        one
        for _, one in latest
        if one.lever == LEVER and one.values == values and one.primary.word == "worse"
        if one.primary.metric == API and one.primary.effect and plan_from(one.plan).as_catalogued
    ]
    return [one for one in own if firm(one)] or own


def _nearest(found: Sequence[PullResult], result: PullResult) -> PullResult | None:
    """Of the same machine before others, then at the rate that is nearest as a ratio, then the newest."""
    rate = float(result.plan["rate"])
    return min(
        found,
        key=lambda one: (elsewhere(result, one), abs(math.log(one.plan["rate"] / rate)), -one.started_at),
        default=None,
    )


def _ratio(result: PullResult | None) -> float:
    return result.primary.effect.ratio if result and result.primary.effect else 0.0


def _first_side(result: PullResult, metric: str) -> float:
    """The median of the first value; 0 where it was not counted."""
    found = pairs_of(result.observations, metric)
    return statistics.median(pair.a for pair in found) if found else 0.0
