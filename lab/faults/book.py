"""The result file of the fault runs: of each row its last run, and what the row asked for then."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from lab.errors import UsageError
from lab.faults.observation import Observation
from lab.faults.row import Row
from lab.faults.rows import ROWS
from lab.load.record import Machine, RunRecord

FORMAT = "fastapi-performance-lab/faults"


class Drawn(msgspec.Struct, frozen=True):
    """What the timeline of a row shows, a value a second: latencies and failures of what was due in it,
    answers and receipts by when they came (empty in files that are older than their being counted)."""

    answer_p99: list[float | None]
    delivery_p99: list[float | None]
    failed: list[int]
    sockets: list[int]
    answers: list[int] = []
    receipts: list[int] = []


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row, as it was run last. `row`: what the table said of it then; None in older files."""

    observation: Observation
    drawn: Drawn
    at: float  # unix time
    mode: str
    rate: float
    sockets: int
    machine: Machine
    waited: float | None  # share of the time in which some task waited for a core
    row: dict[str, Any] | None = None

    def asked(self, today: Row) -> Row:
        """The row to whose words and bounds it was held; that of today where they were not kept."""
        known = {name: value for name, value in (self.row or {}).items() if name in Row.__struct_fields__}
        return msgspec.convert({**form_of(today), **known}, Row)

    def by_today(self, today: Row) -> bool:
        """Whether the row is still what it was, as far as that was kept."""
        return self.observation.what == today.what and self.row in (None, form_of(today))


class Book(msgspec.Struct):
    """The result file: the last run of each row."""

    format: str = FORMAT
    entries: dict[str, Entry] = {}

    def known(self) -> Sequence[tuple[Row, Entry]]:
        """The rows of the table that were run, in its order."""
        return [(row, self.entries[row.name]) for row in ROWS if row.name in self.entries]


def read(path: Path) -> Book:
    """The file, or an empty book. Raises UsageError for a file of another kind."""
    if not path.exists():
        return Book()
    try:
        book = msgspec.json.decode(path.read_bytes(), type=Book)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: not a result of lab faults: {error}") from None
    if book.format != FORMAT:
        raise UsageError(f"{path}: not a result of lab faults (its format is {book.format!r})")
    return book


def form_of(row: Row) -> dict[str, Any]:
    """What a row asks for, as JSON has it; being part of the short lane changes nothing of it."""
    form: dict[str, Any] = json.loads(msgspec.json.encode(row, order="deterministic"))
    del form["quick"]
    return form


def entry_of(observation: Observation, record: RunRecord, mode: str) -> Entry:
    """The book's entry of a run."""
    seconds = record.seconds
    return Entry(
        observation=observation,
        drawn=Drawn(
            [one.intended_p99 for one in seconds],
            [one.delivery_p99 for one in seconds],
            [one.errors for one in seconds],
            [one.sockets for one in seconds],
            [one.answers or 0 for one in seconds],
            [one.receipts or 0 for one in seconds],
        ),
        at=record.started_at,
        mode=mode,
        rate=record.settings.rate,
        sockets=record.settings.sockets,
        machine=record.machine,
        waited=record.pressure.waited if record.pressure else None,
        row=next((form_of(row) for row in ROWS if row.name == observation.name), None),
    )
