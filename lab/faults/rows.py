"""The failure table, read from rows.toml."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lab.faults.row import Row

FILE = Path(__file__).with_name("rows.toml")
LATEST_SECONDS = 36.0  # the sweep comes every 30 s +- 20 %: no bound may be above it


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    row: list[Row]


ROWS: Sequence[Row] = msgspec.toml.decode(FILE.read_bytes(), type=_Table).row


def named(name: str) -> Row:
    """The row of this name. Raises KeyError."""
    return {row.name: row for row in ROWS}[name]
