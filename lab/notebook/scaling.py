"""Sweeps and capacities in the notebook: how much was carried, with how many of something."""

import json
import math
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.report.style import figure, svg
from lab.report.style.palette import MARK, SERIES
from lab.scaling import carried
from lab.scaling.basis import Repeats, alike, commit_words, processes, settings_of, slo_of
from lab.scaling.carried import Carried, beyond_cores
from lab.scaling.fitted import LeftOut
from lab.scaling.points import Point
from lab.scaling.stored import bracket_from, stored
from levers.catalogue import lever_named

HELD = " In brackets what all searches of the value held; the rest is of the middle one, of two the lower."
SweptFile = tuple[Path, Mapping[str, Any]]


@dataclass(frozen=True)
class Searched:
    """The searches of one mode, shape and load, of one commit, and the files that they are in."""

    repeats: Repeats
    paths: Sequence[Path]


def sweeps_of(folder: Path) -> list[SweptFile]:
    """The newest sweep of each lever, mode, load and values, with a curve and without; new ones first."""
    found: dict[tuple[object, ...], SweptFile] = {}
    for path in sorted(folder.glob("*.json")):
        raw = json.loads(path.read_text())
        if raw.get("kind") == "sweep":
            asked = (raw["lever"], raw["mode"], _load(raw), *raw["values"], bool(raw.get("curve")))
            found[asked] = (path, raw)
    newest = sorted(found.values(), key=lambda one: _stamp(one[0]), reverse=True)
    return sorted(newest, key=lambda one: str(one[1]["lever"]))


def capacities_of(folder: Path) -> list[Searched]:
    """All searches of the newest commit, of each mode, shape, load and settings of levers."""
    found = stored([folder])
    paths = {id(one): path for path, one in found}
    return [Searched(one, [paths[id(each)] for each in one.searches]) for one in alike([r for _, r in found])]


def section(sweeps: Sequence[SweptFile], capacities: Sequence[Searched]) -> list[str]:
    """How much this machine carries: capacities, then sweeps."""
    if not sweeps and not capacities:
        return []
    lines = ["## How much this machine carries", ""]
    if capacities:
        lines += [
            "The highest rate under the SLO, from the lowest that ended a search as held to the highest that",
            "ended one as failed, over all searches of the newest commit: repeats differ by tens of per",
            "cent. Everything runs on the machine named above, generator and database included.",
            "",
            "| mode | load | settings | processes | carries, each second | searches | busiest at the failure "
            "| p99 SLO |",
            "|---|---|---|---|---|---|---|---|",
            *(_capacity(one) for one in capacities),
            "",
        ]
    for _, sweep in sweeps:
        lines += [f"[{sweep['lever']}](levers/{sweep['lever']}.md): {sentence(sweep)}", ""]
    return lines


def _capacity(searched: Searched) -> str:
    newest, carries = searched.repeats.newest, searched.repeats.carries
    high = "no rate failed" if math.isinf(carries.high) else f"{carries.high:,.0f}"
    files = ", ".join(
        f"[{one.bracket.passes:,.0f}](capacity/{path.name})"
        for path, one in zip(searched.paths, searched.repeats.searches, strict=True)
    )
    count = len(searched.paths)
    early = sum(one.bracket.ended_early for one in searched.repeats.searches)
    ended = f" ({early} ended before both ends were tried again)" if early else ""
    limits = dict.fromkeys(one.bracket.limit for one in searched.repeats.searches)
    return (
        f"| {newest.mode} | {newest.mix} | {settings_of(newest)} | {processes(newest)} "
        f"| {carries.low:,.0f} to {high} | {count} search{'es' if count > 1 else ''}, held {files}{ended} "
        f"| {'; '.join(limits)} | {slo_of(newest)} |"
    )


def sentence(sweep: Mapping[str, Any]) -> str:
    """Which value carried most, or why that is open: what `lab sweep` said at its end."""
    return carried.sentence(_by_value(sweep))


def advised(sweep: Mapping[str, Any]) -> str:
    """Which value to take: of those not shown to carry less the one that needs the least memory."""
    found = _by_value(sweep)
    often = f" of {sweep['repeats']} searches each" if sweep["repeats"] > 1 else ""
    asked = f"mode {sweep['mode']}, by a sweep{often}"
    if carried.doubt(found):
        unseen = any(one.censored for one in found)
        decide = " To decide it: a search that sees each value fail, and not the generator." if unseen else ""
        return f"**Not shown** ({asked}): {sentence(sweep)}{decide}"
    alike = carried.most(found)
    taken = min(alike, key=_memory)
    default = lever_named(sweep["lever"]).default
    keep = "Keep" if taken.value == default else "Take"
    unasked = f" The default, `{default}`, was not among them, so this says nothing of it."
    beside = "" if default in sweep["values"] else unasked

    def told(one: Carried) -> str:
        return f"`{one.value}` ({one.low:,.0f} to {one.high:,.0f}/s, {_memory(one):,.0f} MiB)"

    as_much = " and ".join(told(one) for one in alike if one is not taken)
    less = " and ".join(told(one) for one in found if one not in alike)
    return (
        f"**{keep} `{taken.value}`** ({asked}): it carries {taken.low:,.0f} to {taken.high:,.0f}/s with "
        f"{_memory(taken):,.0f} MiB"
        f"{f'; that {as_much} carries more was not shown' if as_much else ''}"
        f"{f'; {less} carried less' if less else ''}.{beside}"
        f"{' To decide it: more searches of each value (`--repeats`).' if as_much else ''}"
    )


def _by_value(sweep: Mapping[str, Any]) -> list[Carried]:
    points = [Point(**{**one, "bracket": bracket_from(one["bracket"])}) for one in sweep["points"]]
    return carried.by_value(sweep["values"], points)


def _memory(one: Carried) -> float:
    return one.middle.memory_mib


def _row(one: Carried, mark: str) -> str:
    bracket = one.middle.bracket
    most = one.points[-1].bracket.passes
    low = f"{one.low:,.0f} to " if one.low < most else ""
    spread = f" ({low}{most:,.0f}/s)" if len(one.points) > 1 else ""
    failed = "-" if math.isinf(bracket.fails) else f"{bracket.fails:,.0f}/s"
    value = f"{one.value}, {mark}" if mark else one.value
    held = f"{bracket.passes:,.0f}/s{spread}"
    return f"| {value} | {held} | {failed} | {_memory(one):,.0f} MiB | {_waited(one)} |"


def _waited(one: Carried) -> str:
    """The mean wait of an operation at the rate that held; older files and other services have none.

    It is of a run of its own, after the search. One whose mean wait is above the SLO's p99 did not hold.
    """
    wait, slo_ms = one.middle.acquire_wait_ms, one.middle.bracket.slo.p99_seconds * 1000
    if wait is None:
        return "-"
    return f"{wait:.3f} ms" if wait < slo_ms else "did not hold again"


def on_lever(name: str, sweeps: Sequence[SweptFile]) -> list[str]:
    """The sweeps of a lever, for its page."""
    lines: list[str] = []
    for path, sweep in sweeps:
        if sweep["lever"] != name:
            continue
        day = time.strftime("%Y-%m-%d", time.strptime(_stamp(path), "%Y%m%d-%H%M%S"))
        law = ", and the law that fits" if sweep.get("curve") else ""
        lines += [
            f"## Capacity with {', '.join(sweep['values'])}, mode {sweep['mode']}{law}",
            "",
            f"{sentence(sweep)[:1].upper()}{sentence(sweep)[1:]}",
            "",
            f"![Held and failed rate of each value](../figures/{path.stem}.svg)",
            "",
            "| value | held | failed | memory of the services | wait for a database connection |",
            "|---|---|---|---|---|",
            *(_row(one, beyond_cores(name, one.value, sweep.get("machine", {}))) for one in _by_value(sweep)),
            "",
            _conditions(sweep),
            "",
            f"{sweep['repeats']} search{'es' if sweep['repeats'] > 1 else ''} a value, in random order, "
            f"{day}.{HELD if sweep['repeats'] > 1 else ''}",
            "",
            *_law(sweep),
            f"```\n{command_of(sweep)}\n```",
            "",
            f"[The figures](../sweeps/{path.name}).",
            "",
        ]
    return lines


def _conditions(sweep: Mapping[str, Any]) -> str:
    """Where it was measured, of which code, under which load, and what other programs used meanwhile."""
    machine = sweep.get("machine", {})
    brackets = [point.bracket for one in _by_value(sweep) for point in one.points]
    slos = dict.fromkeys(f"{one.slo.p99_seconds * 1000:g} ms" for one in brackets)
    others = [cores for one in brackets if (cores := one.others_cores) is not None]
    used = f"used {statistics.fmean(others):.2f} cores in the mean" if others else "were not counted"
    kernel = f", Linux {machine['kernel']}" if machine.get("kernel") else ""
    where = (
        f"{machine['cores']} cores of {machine['cpu']}{kernel}, Python {machine['python']}, "
        f"commit {commit_words(machine)}"
        if machine
        else "a machine that was not noted"
    )
    return (
        f"Measured on {where}, generator and database included; load {_load(sweep)}, "
        f"p99 SLO {' and '.join(slos)}; other programs {used}."
    )


def _load(sweep: Mapping[str, Any]) -> str:
    mix = re.search(r"--mix (\S+)", sweep.get("command", ""))
    return mix[1] if mix else lever_named(sweep["lever"]).mix


def _stamp(path: Path) -> str:
    """When it ended; the end of its name."""
    return path.stem.rsplit(".", 1)[1]


def _law(sweep: Mapping[str, Any]) -> list[str]:
    """The curve in words, with what it leaves out and whose the contention is."""
    curve, left_out = sweep.get("curve"), [LeftOut(**one) for one in sweep.get("left_out", ())]
    told = [f"The law that fits: {curve['sentence']}."] if curve else []
    if curve and curve.get("shared"):
        told.append(f"{curve['shared']}.")
    if left_out and not curve:
        told.append("No law was fitted.")
    told += [f"{one.sentence()[:1].upper()}{one.sentence()[1:]}." for one in left_out]
    return [" ".join(told), ""] if told else []


def command_of(sweep: Mapping[str, Any]) -> str:
    """The command that measures it again; older files do not hold it."""
    return sweep.get("command") or (
        f"lab sweep {sweep['lever']} --values {','.join(sweep['values'])} --mode {sweep['mode']} "
        f"--repeats {sweep['repeats']} --seed {sweep['seed']}"
    )


def drawn(sweep: Mapping[str, Any]) -> str:
    """Each value's bracket (held to failed), with the memory of the services under it.

    With a fitted law the values lie where their numbers do, and the curve goes through its 95 % band.
    """
    points, curve = _by_value(sweep), sweep.get("curve")
    places = [float(one.value if curve else number) for number, one in enumerate(points)]
    with figure(3.6) as picture:
        upper, lower = picture.subplots(2, sharex=True, height_ratios=[1.7, 1])
        for place, one in zip(places, points, strict=True):
            low, high = one.middle.bracket.passes, one.middle.bracket.fails
            ends = [low, low if math.isinf(high) else high]
            upper.plot([place, place], ends, color=SERIES[0], linewidth=9, solid_capstyle="butt")
            upper.annotate(
                f"{low:,.0f}",
                (place, low),
                xytext=(0, -14),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        if curve:
            n, middle, low_band, high_band = zip(*curve["band"], strict=True)
            upper.fill_between(n, low_band, high_band, color=MARK["rule"], linewidth=0)
            upper.plot(n, middle, color=SERIES[1], label="law, with its 95 % band")
            upper.legend(loc="lower right")
        upper.set_ylim(bottom=0)
        upper.set_ylabel("per second, held to failed")
        lower.bar(places, [_memory(one) for one in points], width=0.35, color=MARK["soft"])
        lower.set_ylabel("MiB")
        lower.set_xticks(places, [one.value for one in points])
        lower.set_xlim(min(places) - 0.6, max(places) + 0.6)
        lower.set_xlabel(lever_named(sweep["lever"]).env)
        return svg(picture, "Capacity and memory of each value")
