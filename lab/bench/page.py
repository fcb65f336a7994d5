"""What a benchmark of send and list found, as a page of the documentation and in the terminal."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

import msgspec

from lab.bench.contenders import BASE, CONTENDERS
from lab.bench.pages import made_by
from lab.bench.result import BenchResult
from lab.load.record import Machine
from lab.statistics import Effect
from levers.query_path import STATEMENTS

TITLE = "# Our send and list against their twins"
PRIORITY_TITLE = ", with real-time priority"
PRIORITY = "chrt -r 1 "  # before the command of a run that others wait for


def _multiple(effect: Effect | None) -> str:
    return f"{effect.ratio:.2f} [{effect.low:.2f}, {effect.high:.2f}]" if effect else "-"


def table(result: BenchResult, cell: str, figure: str, decimals: int) -> list[str]:
    """Markdown rows: contender, median, smallest and largest, as a multiple of the base."""
    rows = []
    for contender in CONTENDERS:
        figures = result.figures(contender.name, cell, figure)
        if not figures:
            continue
        effect = result.against(contender.name, BASE, cell, figure)
        multiple = "1" if contender.name == BASE else _multiple(effect)
        shown = [f"{value:,.{decimals}f}" for value in (median(figures), min(figures), max(figures))]
        rows.append(f"| {contender.words} | {shown[0]} | {shown[1]} .. {shown[2]} | {multiple} |")
    return rows


def _statements() -> str:
    """What each contender sends to store a message."""
    told = "; ".join(
        f"{one.words}, {STATEMENTS[one.settings['QUERY_PATH']]}"
        + (" for all that arrived together" if one.settings.get("GROUP_COMMIT") == "on" else "")
        for one in CONTENDERS
    )
    return f"Statements to store a message, beside the BEGIN and COMMIT of an ORM's transaction: {told}."


def _disk(sync_seconds: float | None) -> str:
    if sync_seconds is None:
        return ""
    return (
        f" A durable write of one page takes {sync_seconds * 1e6:.0f} us here: on a slower disk the way to "
        "the database matters less and batching more."
    )


def _how_busy(result: BenchResult) -> str:
    text = f"Other programs used {result.cores_of_others:.1f} cores."
    if result.command.startswith(PRIORITY):
        text += (
            f" Contenders, PostgreSQL and clients had real-time priority (`{PRIORITY.strip()}` before the "
            "command): others waited for them."
        )
    elif result.cores_of_others > 0.2:
        text += (
            " On a machine as busy as that, caches are cold after each wait: rates are lower and CPU figures "
            "higher than on an idle one, and most for whoever wakes most often."
        )
    return text


def page(result: BenchResult, source: str) -> str:
    """The result as a page of the documentation."""
    machine = msgspec.convert(result.machine, Machine)
    command = result.command.removeprefix(PRIORITY)
    started = datetime.fromisoformat(result.started_at).timestamp()
    lines = [
        TITLE + (PRIORITY_TITLE if result.command.startswith(PRIORITY) else ""),
        "",
        "One database, one process for each contender, all up at the same time. In each of "
        f"{result.rounds} rounds every contender has a new process and {result.seconds:g} s of each kind of "
        "request, in an order that changes from round to round. Clients are a closed loop on the machine. "
        "A multiple is the median of the rounds' ratios with its 95 % interval.",
        "",
        f"{_statements()} A page is one statement everywhere.",
        "",
        f"{made_by(command, started, machine, result.waited)}; {machine.system}, "
        f"Python {machine.python}.{_disk(machine.disk_sync_seconds)} {_how_busy(result)}",
        "",
        f"Result file: `{source}`.",
        "",
    ]
    for cell, figure, decimals, title in (
        ("send_32", "cpu_ms", 4, "Send: backend CPU in ms each, 32 connections"),
        ("send_32", "per_second", 0, "Send: messages/s, one process, 32 connections"),
        ("send_32", "postgres_cpu_ms", 4, "Send: PostgreSQL CPU in ms each, 32 connections"),
        ("send_1", "p50_seconds", 6, "Send: p50 in s at one connection"),
        ("send_1", "cpu_ms", 4, "Send: backend CPU in ms each, one connection"),
        ("list_32", "cpu_ms", 4, "List of 20: backend CPU in ms each, 32 connections"),
        ("list_32", "per_second", 0, "List of 20: pages/s, one process, 32 connections"),
    ):
        lines += [
            f"## {title}",
            "",
            "| | median | smallest .. largest | multiple of (c) |",
            "|---|---|---|---|",
        ]
        lines += [*table(result, cell, figure, decimals), ""]
    alone = result.against("ours", "single", "send_1", "p50_seconds")
    lines += [
        "## One connection: does batching make an idle server slower?",
        "",
        f"p50 with group commit as a multiple of p50 without: {_multiple(alone)}.",
        "",
        "## Ledger",
        "",
        f"Acknowledged {result.ledger['acknowledged']:,}, stored {result.ledger['stored']:,}, "
        f"dialogs whose seq has a gap: {result.ledger['gaps']}.",
        "",
    ]
    return "\n".join(lines)


def short(result: BenchResult) -> Sequence[str]:
    """A few lines for the terminal."""
    lines = [f"{'':42} {'send CPU ms':>12} {'sends/s':>9} {'list CPU ms':>12} {'p50 ms, 1 conn':>15}"]
    for one in CONTENDERS:
        lines.append(
            f"{one.words:42} {result.middle(one.name, 'send_32', 'cpu_ms'):12.4f} "
            f"{result.middle(one.name, 'send_32', 'per_second'):9,.0f} "
            f"{result.middle(one.name, 'list_32', 'cpu_ms'):12.4f} "
            f"{result.middle(one.name, 'send_1', 'p50_seconds') * 1000:15.3f}"
        )
    return lines
