"""The points of a sweep, and a file of those that an interrupted one has: the same command goes on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.experiments.machine import other_machine, other_software
from lab.experiments.unfinished import kept_beside, short_hash
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

    @classmethod
    def of(
        cls, lever: str, asked: Mapping[str, Any], machine: Mapping[str, Any], root: Path = FOLDER
    ) -> "Unfinished":
        """That of this question; another about the same lever has another file."""
        return cls(root / f"{lever}.{asked['mode']}.{short_hash(asked)}.jsonl", asked, machine)

    def points(self, tell: Callable[[str], None] = lambda line: None) -> dict[int, Point]:
        """Place in the order -> point, of the same question on the same machine and code; else a new file.

        What is dropped is told, and at a new beginning which others are kept.
        """
        new = not self.path.exists()
        found = dict(self._read(tell))
        lever = self.path.name.partition(".")[0]
        if new and (others := kept_beside(self.path, lever)):
            tell(
                f"unfinished sweeps of {lever} are kept: {', '.join(others)} "
                f"(deleting the file in {self.path.parent} removes one)"
            )
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

    def _read(self, tell: Callable[[str], None]) -> list[tuple[int, Point]]:
        found: list[tuple[int, Point]] = []
        try:
            head, *lines = self.path.read_text().splitlines()
            old = json.loads(head)
            alike = old["asked"] == json.loads(json.dumps(self.asked))
            before = old["machine"]
            apart = {**other_machine(before, self.machine), **other_software(before, self.machine)}
            if not alike or apart:
                why = ", ".join(apart) if alike else "what is asked"
                tell(f"the points of an interrupted sweep ({len(lines)}) are dropped, not alike in {why}")
                return found
            for line in lines:
                raw = json.loads(line)
                number = raw.pop("number")
                found.append((number, Point(**{**raw, "bracket": bracket_from(raw["bracket"])})))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # none, or torn in the line that was being written, or of older code
        return found
