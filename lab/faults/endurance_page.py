"""docs/results/endurance.json, .md and .html: what a long series of faults did, and what came of it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from lab.faults.endurance import COME_BACK, RETRIES, Endurance, Struck
from lab.faults.page import picture, seconds_told, servers
from lab.faults.rows import ROWS, named
from lab.report.style import render

PANEL_SECONDS = 600


def write(found: Endurance, folder: Path) -> list[Path]:
    """The three files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"endurance.{kind}" for kind in ("json", "md", "html")]
    places[0].write_bytes(msgspec.json.encode(found) + b"\n")
    places[1].write_text(markdown(found))
    places[2].write_text(html(found))
    return places


def verdict(found: Endurance) -> str:
    """One sentence."""
    seen = found.entry.observation
    done = [one.name for one in found.struck if one.done]
    length = f"{len(done)} faults of {len(set(done))} kinds in {found.minutes:.0f} minutes"
    counts = f"lost {seen.lost}, twice {seen.duplicates}, out of order {seen.disorder}"
    return f"{length}; {seen.sends:,} sends, {seen.failed} failed; {counts}."


def markdown(found: Endurance) -> str:
    """The page for docs/results."""
    entry, seen = found.entry, found.entry.observation
    silent = seen.silent_seconds
    silence = "" if silent is None else f", longest time without any good answer {silent} s"
    lines = [
        "# One part killed after another",
        "",
        "Made by `lab faults --minutes N`; do not edit. One stack, one open-loop load without a pause, one",
        "ledger over the whole of it: every message that was sent compared with the database and with what",
        "each device got. The faults are the rows of [faults.md](faults.md) in an order drawn from the seed,",
        "each when all parts had come back from the one before; there each is held to its own bounds.",
        "",
        f"**{verdict(found)}**",
        *([""] if seen.broken else []),
        *[f"- NOT as promised: {trouble}" for trouble in seen.broken],
        "",
        f"Slowest answer {seconds_told(seen.slowest_answer_seconds)} (a client tries again with the same id",
        f"up to {RETRIES} times){silence};",
        f"latest message {seconds_told(seen.latest_seconds)} after it was due;",
        f"{seen.reconnects:,} reconnects, {seen.replayed:,} messages by replay.",
        f"Sockets closed: {_closes(seen.closes)}.",
        *_beyond_the_rows(seen.closes),
        "",
        *_other_loads(found),
        "",
        "*Whole again*: from the mending (or the kill) until every process ran, every service said that it",
        "was ready, the API also through the proxy, and every RabbitMQ node took connections.",
        "*Latest*: the p99 of deliveries in the worst second from this fault to the next one.",
        "",
        "| fault | times | whole again, median (longest) | latest, median (longest) |",
        "|---|---|---|---|",
    ]
    by_name: dict[str, list[tuple[float, float | None]]] = {}
    for one, latest in zip(found.struck, latest_after_each(found), strict=True):
        if one.done:
            by_name.setdefault(one.name, []).append((one.whole - one.mended, latest))
    for name, values in sorted(by_name.items()):
        late = [latest for _, latest in values if latest is not None]
        whole = _span([whole for whole, _ in values])
        lines.append(f"| {named(name).what} | {len(values)} | {whole} | {_span(late)} |")
    unseen = [f"- {one.name}: {trouble}" for one in found.struck if one.back for trouble in one.troubles]
    if unseen:
        lines += [
            "",
            "What the own check of a fault found, which is made for a stack that is whole:",
            "",
            *unseen,
        ]
    machine = entry.machine
    waited = "" if entry.waited is None else f"; some task waited for a core {entry.waited:.0%} of the time"
    lines += [
        "",
        f"`{found.command}`, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(entry.at))} UTC, mode {entry.mode},"
        f" {machine.cores} cores ({machine.cpu}){servers(entry)}, commit {machine.code}{waited}.",
    ]
    return "\n".join(lines) + "\n"


def html(found: Endurance) -> str:
    """The same as pictures: ten minutes each, every fault marked and listed."""
    drawn, panels = found.entry.drawn, []
    latest = latest_after_each(found)
    for start in range(0, len(drawn.sockets), PANEL_SECONDS):
        span = slice(start, start + PANEL_SECONDS)
        mine = [
            (number, one, late)
            for number, (one, late) in enumerate(zip(found.struck, latest, strict=True), 1)
            if start <= one.began < start + PANEL_SECONDS
        ]
        drawing = picture(drawn, span, [(one.began - start, str(number)) for number, one, _ in mine])
        panels.append({"minute": start // 60, "picture": drawing, "faults": _listed(mine)})
    title = "One part killed after another"
    return render("endurance.html", title=title, found=found, verdict=verdict(found), panels=panels)


def latest_after_each(found: Endurance) -> list[float | None]:
    """Of each fault the worst delivery p99 (seconds) of the seconds from it to the next."""
    ends = [one.began for one in found.struck[1:]] + [float("inf")]
    worst = []
    for one, end in zip(found.struck, ends, strict=True):
        span = found.entry.drawn.delivery_p99[int(one.began) : None if end == float("inf") else int(end)]
        worst.append(max((value for value in span if value is not None), default=None))
    return worst


def _listed(mine: Sequence[tuple[int, Struck, float | None]]) -> list[dict[str, object]]:
    return [
        {
            "number": number,
            "at": f"{one.began // 60:.0f}:{one.began % 60:02.0f}",
            "what": named(one.name).what,
            "whole": seconds_told(one.whole - one.mended),
            "latest": seconds_told(late),
            "said": "; ".join([*one.notes, *one.troubles]),
        }
        for number, one, late in mine
    ]


def _span(values: Sequence[float]) -> str:
    return f"{seconds_told(median(values))} ({seconds_told(max(values))})" if values else "-"


def _other_loads(found: Endurance) -> list[str]:
    """Which rows had another load than by themselves, and which were not among the faults."""
    done = {one.name for one in found.struck if one.done}
    lines = [
        f"*{row.what}* is run by itself with {_told(row.load)}; here with --sockets {found.entry.sockets}."
        for row in ROWS
        if row.name in done and row.load
    ]
    missing = [row.name for row in ROWS if row.name not in done]
    if missing:
        lines.append(f"Not among them: {', '.join(missing)}.")
    return ["", *lines] if lines else []


def _told(load: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in load.items())


def _beyond_the_rows(closes: dict[str, int]) -> list[str]:
    """What is allowed to a series and to no row of it."""
    if not COME_BACK & closes.keys():
        return []
    return [
        "4001 (drained) and 4004 (position not guaranteed) belong to no fault by itself; they are allowed to",
        "a series, where a fault meets the repair of another: they say, come back with your cursor.",
    ]


def _closes(closes: dict[str, int]) -> str:
    return ", ".join(f"{count:,} x {code}" for code, count in sorted(closes.items())) or "none"
