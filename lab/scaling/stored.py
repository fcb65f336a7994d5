"""Result files of capacity searches: what ran, where, and the bracket. `lab plan` reads them."""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.scaling.capacity import Attempt, Bracket, Slo, bracket_as_json

FORMAT = 1
KIND = "capacity"
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "results" / "capacity"  # committed results
RUNS = ROOT / ".lab" / "results" / "capacity"


@dataclass(frozen=True)
class CapacityResult:
    """One search. `shape` says how many processes of each kind ran; `levers` what was set."""

    mode: str
    mix: str
    shape: Mapping[str, int]
    bracket: Bracket
    fingerprint: Mapping[str, Any]
    levers: Mapping[str, str]
    command: str
    started_at: float
    seconds: float
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def day(self) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.started_at))

    def save(self, folder: Path) -> Path:
        """Write the file, whole or not at all, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.started_at))
        path = unused(folder / f"{self.mode}.{self.mix}.{moment}.json")
        raw = {"format": FORMAT, "kind": KIND, **asdict(self), "bracket": bracket_as_json(self.bracket)}
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(raw, indent=1) + "\n")
        draft.replace(path)
        return path


def unused(path: Path) -> Path:
    """The path, or name-2.json, name-3.json ... : names have seconds, and two results may be of one."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def load(path: Path) -> CapacityResult:
    """Read a file. Raises UsageError when it is none."""
    try:
        raw = json.loads(path.read_text())
        if raw.pop("format") != FORMAT or raw.pop("kind") != KIND:
            raise KeyError
        return CapacityResult(**{**raw, "bracket": bracket_from(raw["bracket"])})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(f"{path} is not the result of a capacity search") from None


def bracket_from(raw: Mapping[str, Any]) -> Bracket:
    """What `bracket_as_json` made builtins of."""
    attempts = tuple(Attempt(**_finite_or_not(one)) for one in raw["attempts"])
    return Bracket(**{**_finite_or_not(raw), "slo": Slo(**raw["slo"]), "attempts": attempts})


def _finite_or_not(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.inf if value is None else value for name, value in raw.items()}


def stored(folders: Iterable[Path] = (KEPT, RUNS)) -> list[tuple[Path, CapacityResult]]:
    """All results, oldest first; files that cannot be read are left out."""
    found = []
    for folder in folders:
        for path in folder.glob("*.json"):
            try:
                found.append((path, load(path)))
            except UsageError:
                continue
    return sorted(found, key=lambda one: one[1].started_at)
