"""What a share of the API's CPU is a share of: the hand-made path in front of FastAPI, not FastAPI's."""

from collections.abc import Sequence

from lab.experiments.result import PullResult
from lab.notebook.standing import Found, firm
from levers.catalogue import lever_named

LEVER, LAYERS = "query_path", ("raw", "fastapi_asyncpg")


def on_hot_path(name: str) -> bool:
    """Whether a lever is judged by the CPU of one API process, of a send."""
    lever = lever_named(name)
    return "backend" in lever.processes and lever.metric == "cpu_per_1k" and lever.mix == "send"


def of_the_api(result: PullResult) -> bool:
    """Whether its answer is a share of what one API process uses for a send on the short path."""
    duet = result.plan["design"] == "duet" and result.plan["part"] == "backend"
    send = result.plan["mix"] == "send" and result.primary.metric == "cpu_per_1k"
    return duet and send and result.lever != LEVER and on_hot_path(result.lever)


def shares(latest: Sequence[Found], here: str = "") -> str:
    """One sentence; `here` is the way to the folder of the levers' pages."""
    times = layers(latest)
    much = f"{times:.1f} times as much ([query_path]({here}query_path.md))" if times else "more"
    part = f"about {1 / times:.0%} of" if times else "less than"
    return (
        "Shares of the API's CPU are of the default path `raw`, on which a send is answered in front of "
        f"FastAPI (backend/hot_path.py). A handler that goes through FastAPI's own layers costs {much}, so "
        f"there the same µs are {part} the share that is printed."
    )


def behind_layers(result: PullResult, latest: Sequence[Found]) -> float:
    """The ratio for a handler of FastAPI, which has the same µs on top; 0 for none, or where it is unknown.

    What an ORM takes has FastAPI's layers in it: there it is the ratio to these.
    """
    times, effect = layers(latest), result.primary.effect
    path = on_hot_path(result.lever) and result.plan["mix"] == "send"
    if not (times and effect and path and result.primary.metric == "cpu_per_1k"):
        return 0.0
    if result.lever == LEVER:
        return effect.ratio / times if result.values[0] == LAYERS[0] and result.values != LAYERS else 0.0
    return 1 + (effect.ratio - 1) / times


def second_figure(result: PullResult, latest: Sequence[Found]) -> str:
    """behind FastAPI about +15 %; '' for none"""
    there = behind_layers(result, latest)
    told = f"{there:.1f}x" if there >= 2 else f"{(there - 1) * 100:+.0f} %"
    return f"behind FastAPI about {told}" if there else ""


def of_the_layers(latest: Sequence[Found]) -> str:
    """What the second figure of a row is, in one sentence; less is said where the price is not known."""
    times = layers(latest)
    raw = "CPU of the API on sends is of `raw`, a send that is answered in front of FastAPI"
    if not times:
        return f"{raw}: behind FastAPI's own layers the share is smaller."
    return (
        f"{raw}. FastAPI's own layers make a send {times:.1f} times as dear, so there the same µs are about "
        f"{1 / times:.0%} of the share: *behind FastAPI* (of an ORM: beside those layers)."
    )


def layers(latest: Sequence[Found]) -> float:
    """How many times the CPU FastAPI's layers took; 0 where that was not decided."""
    own = [
        one
        for _, one in latest
        if one.lever == LEVER and one.values == LAYERS and one.primary.word == "worse"
    ]
    best = min(own, key=lambda one: (not firm(one), -one.started_at), default=None)
    return best.primary.effect.ratio if best and best.primary.effect else 0.0
