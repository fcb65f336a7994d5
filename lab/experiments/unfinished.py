"""What a pull writes down while it runs, so that one that was interrupted can go on where it was."""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import Question, with_rate
from lab.experiments.result import ROOT
from lab.scaling.capacity import Attempt
from lab.trials.journal import Journal, read
from lab.trials.observation import by_round
from lab.trials.schedule import Side

FOLDER = ROOT / ".lab" / "pulls"
HEAD = {"plan", "machine", "capacity", "prediction", "started_at", "part_began_at", "spent_seconds"}


def short_hash(question: Mapping[str, Any]) -> str:
    """What tells questions apart whose readable names are the same."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:8]


def kept_beside(own: Path, lever: str) -> list[str]:
    """The names of what other questions about the lever left unfinished."""
    found = (one for one in own.parent.glob(f"{lever}.*") if one.suffix not in {".lock", ".part"})
    return sorted(one.name for one in found if one != own)


@dataclass(frozen=True)
class Unfinished:
    """The folder of a pull: its plan and what led to it, the tries of its capacity search, its journal."""

    folder: Path

    @classmethod
    def of(cls, plan: PullPlan, root: Path = FOLDER) -> "Unfinished":
        """That of this question: of the plan as it was drafted, before a rate was found."""
        a, b = (value.replace("/", "_") for value in plan.values)
        name = f"{plan.lever}.{a}-{b}.{plan.mode}.{plan.design}.{plan.seed}"
        return cls(root / f"{name}.{short_hash(plan.as_json())}")

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def head(self) -> Path:
        return self.folder / "head.json"

    @property
    def tries(self) -> "Tries":
        """Of the capacity search."""
        return Tries(self.folder / "tries.jsonl")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For the time of the block nobody else has it. Raises UsageError when somebody has."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_name(f"{self.folder.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    "this lever is being pulled already, with the same options; wait until that ends"
                ) from None
            yield

    def begin(self, head: Mapping[str, Any]) -> None:
        """A new one in place of whatever was there."""
        self.remove()
        self.folder.mkdir(parents=True)
        self.write(head)

    def begin_trials(self, head: Mapping[str, Any], plan: PullPlan) -> Journal:
        """The rate is known now; the journal of the trials."""
        self.write(head)
        return Journal.begin(self.journal, plan.as_json())

    def write(self, head: Mapping[str, Any]) -> None:
        """The head, whole or not at all."""
        draft = self.head.with_suffix(".part")
        draft.write_text(json.dumps(head, indent=1))
        draft.replace(self.head)

    def kept(self) -> dict[str, Any] | None:
        """The head of an interrupted pull; None where there is none, or one of other code."""
        try:
            found: dict[str, Any] = json.loads(self.head.read_text())
            plan_from(found["plan"])
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
            return None
        return found if set(found) == HEAD else None

    def spent_seconds(self, head: Mapping[str, Any]) -> float:
        """How long its parts took, from the beginning of each to what it wrote last."""
        written = [one.stat().st_mtime for one in (self.journal, self.tries.path) if one.exists()]
        return float(head["spent_seconds"] + max(0.0, max(written, default=0.0) - head["part_began_at"]))

    def rounds(self) -> int:
        """How many complete rounds are kept."""
        return len(by_round(read(self.journal)[1])) if self.kept() and self.journal.exists() else 0

    def seen(self) -> bool:
        """Whether it has figures that somebody may have seen: tries of the search, or rounds."""
        return bool(self.tries.made() or self.rounds())

    def remove(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Tries:
    """The tries of a capacity search, one line each.

    A search chooses each rate by the tries before it: fed with the same ones it takes the same way.
    """

    path: Path

    def add(self, side: Side, attempt: Attempt) -> None:
        """Append."""
        with self.path.open("a") as out:
            out.write(json.dumps({"side": side, **asdict(attempt)}) + "\n")

    def made(self) -> list[tuple[Side, Attempt]]:
        """In their order; a torn last line is dropped."""
        return list(self._read())

    def begin(self, made: Iterable[tuple[Side, Attempt]] = ()) -> None:
        """With these and no others: nothing is appended to a torn line."""
        draft = Tries(self.path.with_suffix(".part"))
        draft.path.write_text("")
        for side, attempt in made:
            draft.add(side, attempt)
        draft.path.replace(self.path)

    def _read(self) -> Iterator[tuple[Side, Attempt]]:
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            try:
                raw = json.loads(line)
            except json.JSONDecodeError:
                return  # the line that was being written when the search ended
            side: Side = raw.pop("side")
            yield side, Attempt(**raw)


def same_question(kept: Mapping[str, Any], draft: PullPlan, question: Question) -> bool:
    """Whether an interrupted pull asks what is asked now; what the lab chose then is not asked again."""
    old = plan_from(kept["plan"])
    if not old.rate:
        return draft == old  # interrupted while it searched for one
    return with_rate(draft, question, question.rate or old.rate) == old
