"""Every request's answer on record, reads as well: one line of CSV a request, moments in unix seconds."""

import csv
from pathlib import Path

from lab.load.outcome import Outcome
from lab.load.plan import OPERATIONS

COLUMNS = ("operation", "intended", "answered", "status")


def write_asked(path: Path, outcome: Outcome) -> None:
    """Write all that were due before the end, the warm-up included; `answered` is nan without an answer."""
    samples, _ = outcome.joined()
    due = samples.due < outcome.end
    columns = (
        samples.operation,
        samples.due + outcome.clock,
        samples.answered + outcome.clock,
        samples.status,
    )
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for operation, *rest in zip(*(column[due].tolist() for column in columns), strict=True):
            out.writerow([OPERATIONS[operation], *rest])
