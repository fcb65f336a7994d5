"""How firmly a result stands (pairs, other programs, code), and which of several answers a question."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from lab.caveats import FULL_MACHINE
from lab.experiments.machine import other_machine
from lab.experiments.plan import plan_from
from lab.experiments.preparation import WARM_UP_SECONDS
from lab.experiments.result import PullResult
from lab.experiments.session import again_of
from lab.pressure import MOST_OF_OTHERS
from lab.trials.observation import by_round, pairs_of
from lab.trials.schedule import RENEW_EVERY
from lab.verdict import LOOKS

Found = tuple[Path, PullResult]
SLOW_SYNC_SECONDS = 0.001  # about what an answer takes without its commit: a slower disk decides how long
FIRM = (
    f"{LOOKS[0]} pairs or more, other programs on {MOST_OF_OTHERS:g} cores at most in the median trial, "
    "committed code"
)
UNSTEADY = ("noisy machine", "drift")  # caveats: what was seen may be the noise's in part


def question_of(result: PullResult) -> tuple[object, ...]:
    """What was asked, but for the rate: two results with the same are of two times, or of two rates."""
    plan = plan_from(result.plan)
    return (plan.lever, plan.values, plan.metric, plan.mode, plan.design, *conditions_of(result))


def conditions_of(result: PullResult) -> tuple[object, ...]:
    """Under which load but for its rate, and with which settings held."""
    plan = plan_from(result.plan)  # older files do not hold all of it
    return (plan.mix, plan.content_characters, plan.warm_up_seconds, *sorted(plan.held.items()))


def catalogued(found: Sequence[Found]) -> list[Found]:
    """Those asked under the lever's own load, with no setting held besides: others are a second question."""
    return [(path, one) for path, one in found if plan_from(one.plan).as_catalogued]


def pairs(result: PullResult) -> int:
    """How many pairs are behind the verdict."""
    return len(pairs_of(result.observations, result.primary.metric))


def others_used(result: PullResult) -> float:
    """Cores that other programs used, in the median trial."""
    used = [float(one.detail.get("others", 0.0)) for one in result.observations]
    return statistics.median(used) if used else 0.0


def quiet(result: PullResult) -> bool:
    """Whether the machine was the lab's own."""
    return others_used(result) <= MOST_OF_OTHERS


def committed(result: PullResult) -> bool:
    """Whether its code is that of the commit it names: lab pull --keep has refused any other since."""
    return not result.fingerprint.get("changed")


def renewed(result: PullResult) -> bool:
    """Whether each round of a duet had processes of its own, in changing places; else they are fewer sets."""
    return result.plan["design"] != "duet" or plan_from(result.plan).renew_every == RENEW_EVERY["duet"]


def enough(result: PullResult) -> bool:
    """Whether it has twelve pairs that do not share their processes."""
    return pairs(result) >= LOOKS[0] and renewed(result)


def firm(result: PullResult) -> bool:
    """Whether it may be ranked among others: of twelve pairs, on a quiet machine, by committed code."""
    return enough(result) and quiet(result) and committed(result)


def unsteady(result: PullResult) -> str:
    """What was unsteady while it was measured, in words; '' for nothing."""
    return "; ".join(one.seen for one in result.primary.caveats if one.name in UNSTEADY)


def roomy(result: PullResult) -> bool:
    """Whether the machine had room: on a full one the price of an operation is a crowd's."""
    return not any(one.name in FULL_MACHINE for one in result.primary.caveats)


def warmed_as_usual(result: PullResult) -> bool:
    """Whether its processes were warmed up as those of the others."""
    return bool(result.plan["warm_up_seconds"] == WARM_UP_SECONDS)


def synced(result: PullResult) -> str:
    """What a commit waited for in a pull of `durability`, and that a slow disk was not asked where so."""
    seconds = result.fingerprint.get("disk_sync_seconds")
    if result.lever != "durability" or not seconds:
        return ""
    if standby_of(result):
        return f", beside a synchronous standby (`{standby_of(result)}`), which `on` waits for as well"
    asked = " (a slow disk was not asked)" if seconds < SLOW_SYNC_SECONDS else ""
    found = [one.detail.get("counted", {}).get("log_sync_ms") for one in result.observations]
    waited = [ms for ms in found if ms]
    loaded = f", and under this load in {statistics.median(waited):.1f} ms" if waited else ""
    return f", on a disk that syncs a write in {seconds * 1000:.1f} ms{loaded}{asked}"


def standby_of(result: PullResult) -> str:
    """Which standbys a commit waited for in a pull of `durability`; '' for none."""
    waited = str(result.settings.get("a", {}).get("synchronous_standbys", "none"))
    return "" if waited == "none" or result.lever != "durability" else waited


def elsewhere(result: PullResult, other: PullResult) -> str:
    """◊ where the two are of different machines; as a sign behind the figure of `other`."""
    return " ◊" if other_machine(result.fingerprint, other.fingerprint) else ""


def mark(result: PullResult) -> str:
    """What makes it less firm, in brackets; '' for nothing."""
    again = len(again_of(result.observations))
    told = [
        f"{pairs(result)} pairs" if pairs(result) < LOOKS[0] else "",
        "" if renewed(result) else "few sets of processes",
        "" if quiet(result) else f"other programs used {others_used(result):.1f} cores",
        f"{again} of {len(by_round(result.observations))} rounds measured again" if again else "",
        "" if committed(result) else "code not committed",
        unsteady(result),
    ]
    return f" ({'; '.join(filter(None, told))})" if any(told) else ""


def latest_of(found: Sequence[Found]) -> list[Found]:
    """One result of each question and rate: the newest that counts, what is firm and has room first."""
    best: dict[tuple[object, ...], Found] = {}
    for path, one in sorted(found, key=lambda each: _standing(each[1])):
        best[question_of(one), one.plan["rate"]] = (path, one)
    return list(best.values())


def _standing(result: PullResult) -> tuple[bool, bool, bool, bool, bool, float]:
    """Sorts what counts behind what does not, then by firmness, pairs, room and steadiness, then by time.

    A firm one may be of older code by the same name; the lever's page lists every result with its commit.
    """
    counts = result.primary.word != "INVALID"
    sure = (counts, counts and firm(result), pairs(result) >= LOOKS[0])
    return (*sure, counts and roomy(result), counts and not unsteady(result), result.started_at)


def ranked(latest: Sequence[Found]) -> list[Found]:
    """Without the less firm ones of which a firm one answers the same question, at whatever rate."""
    answered = {question_of(one) for _, one in latest if firm(one) and one.primary.word != "INVALID"}
    return [(path, one) for path, one in latest if firm(one) or question_of(one) not in answered]
