"""The points of a sweep, and a file of those that an interrupted one has: the same command goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.experiments.machine import other_machine, other_software
from lab.scaling.capacity import Bracket, bracket_as_json
from lab.scaling.stored import ROOT, bracket_from

FOLDER = ROOT / ".lab" / "sweeps"


@dataclass(frozen=True)
class Point:
    """What one value gave, once. `memory_mib` is PSS of the services.

    `acquire_wait_ms`: what an operation waited for a database connection at the rate that held.
    """

    value: str
    bracket: Bracket
    memory_mib: float
    acquire_wait_ms: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Builtins for a file; infinities become None."""
        return {**asdict(self), "bracket": bracket_as_json(self.bracket)}


@dataclass(frozen=True)
class Unfinished:
    """A file: what is asked and on which machine, then a line for each point that is done."""

    path: Path
    asked: Mapping[str, Any]
    machine: Mapping[str, Any]

    def points(self) -> dict[int, Point]:
        """Place in the order -> point, of the same question on the same machine and code; else a new file."""
        found = dict(self._read())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".part")
        draft.write_text(json.dumps({"asked": self.asked, "machine": self.machine}) + "\n")
        draft.replace(self.path)
        for number, point in found.items():
            self.add(number, point)
        return found

    def add(self, number: int, point: Point) -> None:
        """Append."""
        with self.path.open("a") as out:
            out.write(json.dumps({"number": number, **point.as_json()}) + "\n")

    def remove(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> list[tuple[int, Point]]:
        found: list[tuple[int, Point]] = []
        try:
            head, *lines = self.path.read_text().splitlines()
            old = json.loads(head)
            alike = old["asked"] == json.loads(json.dumps(self.asked))
            before = old["machine"]
            if not alike or other_machine(before, self.machine) or other_software(before, self.machine):
                return found
            for line in lines:
                raw = json.loads(line)
                number = raw.pop("number")
                found.append((number, Point(**{**raw, "bracket": bracket_from(raw["bracket"])})))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # none, or torn in the line that was being written, or of older code
        return found
