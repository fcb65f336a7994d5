"""docs/results/soak.md and soak.json: what a long run left behind."""

import time
from pathlib import Path

import msgspec

from lab.soak.flat import COUNT_PER_HOUR, MEMORY_MIB_PER_HOUR, RING_EVENTS, Slope
from lab.soak.run import Soak
from lab.soak.sampler import SERVICES


def write(found: Soak, folder: Path) -> list[Path]:
    """Both files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / "soak.json", folder / "soak.md"]
    places[0].write_bytes(msgspec.json.encode(found) + b"\n")
    places[1].write_text(markdown(found))
    return places


def markdown(found: Soak) -> str:
    """The page."""
    ledger, machine = found.ledger, found.machine
    lines = [
        "# A long run with churn",
        "",
        "Made by `lab soak`; do not edit.",
        "",
        _verdict(found),
        *([""] if found.troubles else []),
        *[f"- {trouble}" for trouble in found.troubles],
        "",
        f"{found.seconds / 60:.0f} minutes of {found.rate:g} sends a second with {found.sockets} devices that"
        f" stay; {found.came:,} more came and went ({sum(found.not_welcomed.values())} not welcomed).",
        f"{found.sends:,} sends, {found.failed} failed; {ledger.owed:,} deliveries owed,"
        f" {ledger.delivered:,} made; lost {ledger.acknowledged_not_stored + ledger.not_delivered},"
        f" twice {ledger.duplicates_after_client}, out of order {ledger.out_of_order_after_client};"
        f" {ledger.reconnects} reconnects.",
        "",
        f"Growth an hour (Theil-Sen, 95 % interval) after the first {found.settling / 60:.1f} minutes."
        f" By then the rings are full in which a websocket service keeps the latest {RING_EVENTS} messages of"
        " each user who is here, unless the run was too short for that. Judged are our services; the others"
        f" are shown. *Flat*: the whole interval is at most {MEMORY_MIB_PER_HOUR:g} MiB or"
        f" {COUNT_PER_HOUR:g} files or tasks an hour. `memory` is private memory (USS) in MiB, `first` the"
        " one after that time. A trend is no step: what grew at once is in `first -> last` alone.",
        "",
        "| process | memory first -> last | memory an hour | files an hour | tasks an hour |",
        "|---|---|---|---|---|",
    ]
    for name, figures in found.slopes.items():
        memory = figures.get("memory_mib")
        span = f"{memory.first:.1f} -> {memory.last:.1f}" if memory else "-"
        cells = [_told(figures.get(figure)) for figure in ("memory_mib", "files", "tasks")]
        lines.append(f"| {name} | {span} | {' | '.join(cells)} |")
    waited = "" if found.waited is None else f"; some task waited for a core {found.waited:.0%} of the time"
    lines += [
        "",
        f"`{found.command}`, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(found.started_at))} UTC, mode"
        f" {found.mode}, {machine.cores} cores ({machine.cpu}), commit {machine.code}{waited}.",
    ]
    return "\n".join(lines) + "\n"


def _verdict(found: Soak) -> str:
    """What was shown, and what of the others was not."""
    if found.troubles:
        return "**Not as it should be:**"
    words = (
        f"**Our services grew by less than {MEMORY_MIB_PER_HOUR:g} MiB and {COUNT_PER_HOUR:g} files or tasks"
        f" an hour in the {(found.seconds - found.settling) / 60:.0f} minutes that were judged; nothing was"
        " lost.**"
        f" Less than {MEMORY_MIB_PER_HOUR * 24:g} MiB a day would not be seen."
    )
    others: dict[str, list[str]] = {}
    for name, figures in found.slopes.items():
        for figure, one in figures.items():
            if one.word != "flat" and name.rpartition("-")[0] not in SERVICES:
                others.setdefault(one.word, []).append(f"{figure.removesuffix('_mib')} of {name}")
    told = [f"{word}: {', '.join(which)}" for word, which in sorted(others.items())]
    return f"{words} Of the other processes {'; '.join(told)}." if told else words


def _told(slope: Slope | None) -> str:
    if slope is None:
        return "-"
    return f"{slope.per_hour:+.1f} ({slope.low:+.1f} to {slope.high:+.1f}), {slope.word}"
