"""Sweeps and capacities in the notebook: how much was carried, with how many of something."""

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.report.style import figure, svg
from lab.report.style.palette import MARK, SERIES
from lab.scaling.basis import Repeats, alike, processes, settings_of, slo_of
from lab.scaling.stored import stored
from levers.catalogue import lever_named

KNEE = 0.9  # within 10 % of the best: more buys nothing that shows here
ONCE = "Two searches of one value may differ as much."
SweptFile = tuple[Path, Mapping[str, Any]]


@dataclass(frozen=True)
class Searched:
    """The searches of one mode, shape and load, of one commit, and the files that they are in."""

    repeats: Repeats
    paths: Sequence[Path]


def sweeps_of(folder: Path) -> list[SweptFile]:
    """The newest sweep of each lever and mode."""
    found: dict[tuple[str, str], SweptFile] = {}
    for path in sorted(folder.glob("*.json")):
        raw = json.loads(path.read_text())
        if raw.get("kind") == "sweep":
            found[raw["lever"], raw["mode"]] = (path, raw)
    return list(found.values())


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
    """Where the knee is, or that there is none."""
    points = _by_value(sweep)
    unbounded = [(value, low) for value, low, high, _ in points if high is None]
    if unbounded:
        held = ", ".join(f"{value} (held {low:,.0f}/s)" for value, low in unbounded)
        return f"no rate failed with {held}: where its capacity is, and so where a knee, is not known."
    best = max(low for _, low, _, _ in points)
    enough = next(value for value, low, _, _ in points if low >= KNEE * best)
    value, low, high, _ = max(points, key=lambda one: one[1])
    alike = [one for one, *_ in points if _range(sweep, one)[1] >= _range(sweep, value)[0]]
    if len(alike) > 1 and sweep["repeats"] > 1:
        told = " and ".join(f"{one} ({_words(_range(sweep, one))})" for one in alike)
        return f"the most was carried with {told}: what they held overlaps, and which carries more is open."
    return (
        f"the most was carried with {value} (held {low:,.0f}/s, failed {high:,.0f}/s); "
        f"{enough} {'is' if enough == value else 'already comes'} within 10 % of it."
        f"{f' {ONCE}' if sweep['repeats'] < 2 else ''}"
    )


def advised(sweep: Mapping[str, Any]) -> str:
    """Which value to take: of those not shown to carry less the one that needs the least memory."""
    points = {value: (low, high, memory) for value, low, high, memory in _by_value(sweep)}
    asked = f"mode {sweep['mode']}, by a sweep"
    if any(high is None for _, high, _ in points.values()):
        return f"**Not shown** ({asked}): {sentence(sweep)} To decide it: a search that sees each value fail."
    if sweep["repeats"] < 2:
        held = ", ".join(f"`{value}` {low:,.0f}/s" for value, (low, _, _) in points.items())
        return f"**Not shown** ({asked} of one search each): {held}. {ONCE} To decide it: `--repeats 3`."
    best = max(points, key=lambda value: points[value][0])
    alike = [value for value in points if _range(sweep, value)[1] >= _range(sweep, best)[0]]
    taken = min(alike, key=lambda value: points[value][2])
    keep = "Keep" if taken == lever_named(sweep["lever"]).default else "Take"

    def told(value: str) -> str:
        return f"`{value}` ({_words(_range(sweep, value))}, {points[value][2]:,.0f} MiB)"

    as_much = " and ".join(told(value) for value in alike if value != taken)
    less = " and ".join(told(value) for value in points if value not in alike)
    return (
        f"**{keep} `{taken}`** ({asked}): it carries {_words(_range(sweep, taken))} with "
        f"{points[taken][2]:,.0f} MiB"
        f"{f'; that {as_much} carries more was not shown' if as_much else ''}"
        f"{f'; {less} carried less' if less else ''}."
        f"{' To decide it: more searches of each value (`--repeats`).' if as_much else ''}"
    )


def _by_value(sweep: Mapping[str, Any]) -> list[tuple[str, float, float | None, float]]:
    """(value, held, failed, MiB) in the order of the values; of repeats the median by what held, of two the
    lower."""
    found = []
    for value in sweep["values"]:
        own = sorted(
            (one for one in sweep["points"] if one["value"] == value),
            key=lambda one: one["bracket"]["passes"],
        )
        if own:
            middle = own[(len(own) - 1) // 2]
            bracket = middle["bracket"]
            found.append((value, bracket["passes"], bracket["fails"], middle["memory_mib"]))
    return found


def _spread(sweep: Mapping[str, Any], value: str) -> str:
    """The lowest and the highest rate that held, of several searches."""
    return f" ({_words(_range(sweep, value))})" if sweep["repeats"] > 1 else ""


def _range(sweep: Mapping[str, Any], value: str) -> tuple[float, float]:
    held = [one["bracket"]["passes"] for one in sweep["points"] if one["value"] == value]
    return min(held), max(held)


def _words(held: tuple[float, float]) -> str:
    return f"{held[0]:,.0f}/s" if held[0] == held[1] else f"{held[0]:,.0f} to {held[1]:,.0f}/s"


def _how_sure(repeats: int) -> str:
    if repeats == 1:
        return "A repeat may differ by tens of per cent: neighbours are not told from one another."
    return "In brackets the searches of one value: what lies within them is no difference."


def waited(sweep: Mapping[str, Any], value: str) -> str:
    """The mean wait of an operation at the rate that held; older files and other services have none."""
    found = [
        wait
        for one in sweep["points"]
        if one["value"] == value and (wait := one.get("acquire_wait_ms")) is not None
    ]
    return f"{statistics.median(found):.3f} ms" if found else "-"


def on_lever(name: str, sweeps: Sequence[SweptFile]) -> list[str]:
    """The sweeps of a lever, for its page."""
    lines: list[str] = []
    for path, sweep in sweeps:
        if sweep["lever"] != name:
            continue
        day = time.strftime("%Y-%m-%d", time.strptime(path.stem.rsplit(".", 1)[1], "%Y%m%d-%H%M%S"))
        lines += [
            f"## Capacity by value, mode {sweep['mode']}",
            "",
            f"{sentence(sweep)[:1].upper()}{sentence(sweep)[1:]}",
            "",
            f"![Held and failed rate of each value](../figures/{path.stem}.svg)",
            "",
            "| value | held | failed | memory of the services | wait for a database connection |",
            "|---|---|---|---|---|",
            *(
                f"| {value} | {low:,.0f}/s{_spread(sweep, value)} | {f'{high:,.0f}/s' if high else '-'} "
                f"| {memory:,.0f} MiB | {waited(sweep, value)} |"
                for value, low, high, memory in _by_value(sweep)
            ),
            "",
            f"{sweep['repeats']} search{'es' if sweep['repeats'] > 1 else ''} a value, in random order, "
            f"{day}. {_how_sure(sweep['repeats'])}",
            "",
            *([f"The law that fits: {curve['sentence']}.", ""] if (curve := sweep.get("curve")) else []),
            f"```\n{command_of(sweep)}\n```",
            "",
            f"[The figures](../sweeps/{path.name}).",
            "",
        ]
    return lines


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
    places = [float(value) for value, *_ in points] if curve else [float(one) for one in range(len(points))]
    with figure(3.6) as picture:
        upper, lower = picture.subplots(2, sharex=True, height_ratios=[1.7, 1])
        for place, (_, low, high, _) in zip(places, points, strict=True):
            upper.plot(
                [place, place], [low, high or low], color=SERIES[0], linewidth=9, solid_capstyle="butt"
            )
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
        lower.bar(places, [memory for *_, memory in points], width=0.35, color=MARK["soft"])
        lower.set_ylabel("MiB")
        lower.set_xticks(places, [value for value, *_ in points])
        lower.set_xlim(min(places) - 0.6, max(places) + 0.6)
        lower.set_xlabel(lever_named(sweep["lever"]).env)
        return svg(picture, "Capacity and memory of each value")
