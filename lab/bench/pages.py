"""What the pages of the benchmarks share: a result file with its page beside it, spans, where and when."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from lab.load.record import Machine


def write(found: msgspec.Struct, page: str, file: Path) -> list[Path]:
    """The result as JSON, and its page beside it, by the same name with .md."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    beside = file.with_suffix(".md")
    beside.write_text(page)
    return [file, beside]


def span(values: Sequence[float], decimals: int) -> str:
    """Median (smallest .. largest)."""
    return f"{median(values):.{decimals}f} ({min(values):.{decimals}f} .. {max(values):.{decimals}f})"


def made_by(command: str, started_at: float, machine: Machine, waited: float | None) -> str:
    """The command, when and on what it ran, and how full that was."""
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(started_at))
    full = "" if waited is None else f"; some task waited for a core {waited:.0%} of the time"
    return f"`{command}`, {when} UTC, {machine.cores} cores ({machine.cpu}), commit {machine.code}{full}"
