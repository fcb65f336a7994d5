"""The pages of the fault runs (Markdown and HTML): of each row expectation beside observation."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from markupsafe import Markup

from lab.faults.book import Book, Drawn, Entry
from lab.faults.row import Row
from lab.faults.rows import ROWS
from lab.faults.timeline import timeline
from lab.report.style import render

OLDER = "by an older form of the row"


def name_of(mode: str) -> str:
    """What the files of a mode are called: a row on a host says nothing about the same row under compose."""
    return "faults-docker" if mode == "docker" else "faults"


def write(book: Book, folder: Path, name: str = "faults", table: Sequence[Row] = ROWS) -> list[Path]:
    """`name`.json, .md and .html in this folder; `table`: the rows that there could be."""
    folder.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(book), indent=1) + b"\n"
    places = [folder / f"{name}.{kind}" for kind in ("json", "md", "html")]
    missing = ", ".join(row.name for row in table if row.name not in book.entries) or "none"
    places[0].write_bytes(data)
    places[1].write_text(markdown(book, name, missing))
    places[2].write_text(html(book, name, missing))
    return places


def told(row: Row, entry: Entry) -> tuple[str, str]:
    """(what the sender saw, what the recipients saw), in words. `row`: to which it was held."""
    seen = entry.observation
    sender = f"{seen.sends} sends, {seen.failed} failed"
    sender += f"; slowest answer {seconds_told(seen.slowest_answer_seconds)}"
    if seen.silent_seconds:
        sender += f"; {seen.silent_seconds} s without a good answer"
    closes = ", ".join(f"{count} x {code}" for code, count in sorted(seen.closes.items()))
    recipient = (
        f"latest message {seconds_told(seen.latest_seconds)} after it was due (bound {row.late_seconds:g} s)"
    )
    if row.polled_seconds is not None and seen.polled_seconds is not None:
        recipient += f", from the sweep on {seconds_told(seen.polled_seconds)}"
        recipient += f" (bound {row.polled_seconds:g} s)"
    recipient += f"; sockets closed: {closes or 'none'}"
    if seen.replayed:
        recipient += f"; {seen.replayed} by replay"
    for note in seen.notes:
        recipient += f"; {note}"
    return sender, recipient


def repair(entry: Entry) -> str:
    """How long after the fault's begin messages were still late by more than a second."""
    seconds = entry.observation.repair_seconds
    return "none late" if seconds is None else f"{seconds:.1f} s"


def markdown(book: Book, name: str = "faults", missing: str = "none") -> str:
    """The page for docs/results: expectation beside observation."""
    known = book.known()
    held = sum(entry.observation.held for _, entry in known)
    lines = [
        f"# {_title(name)}",
        "",
        "Made by `lab faults`; do not edit. Each row: open-loop load with the ledger on, the fault in the",
        "middle of it, then every message compared with the database. A client tries a send again with the",
        "same id. *Repair* is the time from the fault to the last message that was late by over 1 s. Of each",
        "row that does not say what it may lose is expected: lost 0, twice 0, out of order 0.",
        f"[{name}.html]({name}.html) has the same second by second, with each fault marked.",
        "",
        f"**{held} of {len(known)} rows held.** Rows not run yet: {missing}. {_newest(known)}",
        "",
        "| fault | expected | observed | repair | lost / twice / disorder | held |",
        "|---|---|---|---|---|---|",
    ]
    for row, entry in known:
        seen = entry.observation
        asked = entry.asked(row)
        sender, recipient = told(asked, entry)
        verdict = "yes" if seen.held else "**NO**: " + "; ".join(seen.broken)
        verdict += "" if entry.by_today(row) else f" ({OLDER})"
        lines.append(
            f"| {seen.what} | sender: {asked.sender}<br>recipient: {asked.recipient}"
            f" | sender: {sender}<br>recipient: {recipient} | {repair(entry)}"
            f" | {seen.lost} / {seen.duplicates} / {seen.disorder} | {verdict} |"
        )
    return "\n".join([*lines, "", *_where(known)]) + "\n"


def _newest(known: Sequence[tuple[Row, Entry]]) -> str:
    """How many of them show the code as it was run last."""
    if not known:
        return ""
    code = max((entry for _, entry in known), key=lambda entry: entry.at).machine.code
    count = sum(entry.machine.code == code for _, entry in known)
    words = f"{count} of {len(known)} runs are of the newest code among them, commit {code}."
    unkept = sum(entry.row is None for _, entry in known)
    if unkept:
        words += f" {unkept} did not keep what was expected of them then: it is told as today's table has it."
    return words


def _where(known: Sequence[tuple[Row, Entry]]) -> list[str]:
    """Rows of one commit, machine and load in one paragraph, with the busiest of their runs."""
    together: dict[tuple[str, ...], list[tuple[Row, Entry]]] = {}
    for row, entry in known:
        machine = entry.machine
        where = f"mode {entry.mode}, {machine.cores} cores ({machine.cpu}){servers(entry)}"
        where += f", commit {machine.code}"
        load = f"--rate {entry.rate:g} --sockets {entry.sockets}"
        load = f"--mode docker {load}" if entry.mode == "docker" else load
        together.setdefault((where, load), []).append((row, entry))
    lines = ["Where and how (latest run of each):", ""]
    for (where, load), some in together.items():
        times = sorted(time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.at)) for _, entry in some)
        when = times[0] if len(some) == 1 else f"{times[0]} to {times[-1][-5:]}"
        waited = [entry.waited for _, entry in some if entry.waited is not None]
        busy = (
            f"; some task waited for a core {min(waited):.0%} to {max(waited):.0%} of the time"
            if waited
            else ""
        )
        names = " ".join(row.name for row, _ in some) if len(some) < len(known) else ""
        lines.append(f"- {when} UTC, {where}{busy}: `lab faults {f'{names} ' if names else ''}{load}`")
    return lines


def servers(entry: Entry) -> str:
    """Their versions, where they are this machine's; compose names its images."""
    known = entry.machine.packages if entry.mode == "stack" else {}
    return "".join(f", {name} {known[name]}" for name in ("RabbitMQ", "HAProxy") if name in known)


def html(book: Book, name: str = "faults", missing: str = "none") -> str:
    """The same with the timeline of each row, the fault marked."""
    rows = [
        {
            "row": entry.asked(row),
            "older": "" if entry.by_today(row) else OLDER,
            "seen": entry.observation,
            "told": told(entry.asked(row), entry),
            "repair": repair(entry),
            "picture": _timeline(entry),
        }
        for row, entry in book.known()
    ]
    return render("faults.html", title=_title(name), rows=rows, missing=missing)


def _title(name: str) -> str:
    return "What happens when a part dies" + (" under docker compose" if name == name_of("docker") else "")


def _timeline(entry: Entry) -> Markup:
    seen = entry.observation
    marks = [(seen.began_second, "fault")]
    if seen.mended_second - seen.began_second > 1:
        marks.append((seen.mended_second, "mended"))
    return picture(entry.drawn, slice(None), marks)


def picture(drawn: Drawn, span: slice, marks: Sequence[tuple[float, str]]) -> Markup:
    """The timeline of these seconds; the marks count from the first of them."""
    rates = {"good answers": drawn.answers[span], "receipts": drawn.receipts[span]}
    return Markup(
        timeline(
            {word: values for word, values in rates.items() if values},
            {"answer p99": drawn.answer_p99[span], "delivery p99": drawn.delivery_p99[span]},
            {"failed": drawn.failed[span], "sockets open": drawn.sockets[span]},
            marks,
        )
    )


def seconds_told(value: float | None) -> str:
    """Seconds in words: ms below one."""
    return "-" if value is None else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def summary(results: Mapping[str, Entry]) -> str:
    """One line a row, for the terminal."""
    lines = []
    for row in ROWS:
        if row.name in results:
            seen = results[row.name].observation
            word = "held" if seen.held else "BROKEN: " + "; ".join(seen.broken)
            lines.append(f"{row.name:28} repair {repair(results[row.name]):>10}   {word}")
    return "\n".join(lines)
