"""What a pull writes down while it runs, so that one that was interrupted can go on where it was."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import Question, with_rate
from lab.experiments.result import ROOT
from lab.scaling.capacity import Attempt
from lab.trials.journal import Journal, read
from lab.trials.observation import by_round
from lab.trials.schedule import Side

FOLDER = ROOT / ".lab" / "pulls"


@dataclass(frozen=True)
class Unfinished:
    """The folder of a pull: its plan and what led to it, the tries of its capacity search, its journal."""

    folder: Path

    @classmethod
    def of(cls, plan: PullPlan, root: Path = FOLDER) -> "Unfinished":
        """That of this question (its plan may still lack the rate)."""
        a, b = (value.replace("/", "_") for value in plan.values)
        return cls(root / f"{plan.lever}.{a}-{b}.{plan.mode}.{plan.design}")

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

    def begin(self, head: Mapping[str, Any]) -> None:
        """A new one in place of whatever was there."""
        self.remove()
        self.folder.mkdir(parents=True)
        self._write(head)

    def begin_trials(self, head: Mapping[str, Any], plan: PullPlan) -> Journal:
        """The rate is known now; the journal of the trials."""
        self._write(head)
        return Journal.begin(self.journal, plan.as_json())

    def _write(self, head: Mapping[str, Any]) -> None:
        draft = self.head.with_suffix(".part")
        draft.write_text(json.dumps(head, indent=1))
        draft.replace(self.head)

    def kept(self) -> dict[str, Any] | None:
        """The head of an interrupted pull, or None."""
        try:
            found: dict[str, Any] = json.loads(self.head.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found

    def rounds(self) -> int:
        """How many complete rounds are kept."""
        return len(by_round(read(self.journal)[1])) if self.kept() and self.journal.exists() else 0

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
