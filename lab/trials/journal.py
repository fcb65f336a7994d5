"""Keeps a session on disk while it runs: one line a trial, so that an interruption costs one round.

The first line is the plan. A journal is resumed only by the same plan on the same machine; anything
else is refused, because its rounds would not be comparable.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.trials.observation import Observation, by_round
from lab.verdict import Guard

FORMAT = 1


class Journal:
    """The journal of one session. `observations` are those of complete rounds."""

    def __init__(self, path: Path, plan: Mapping[str, Any], observations: Iterable[Observation] = ()) -> None:
        self.path = path
        self.plan = plan
        self.observations = list(observations)

    @classmethod
    def begin(cls, path: Path, plan: Mapping[str, Any]) -> "Journal":
        """A new journal; one that is there is replaced."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format": FORMAT, "plan": plan}, sort_keys=True) + "\n")
        return cls(path, plan)

    @classmethod
    def resume(cls, path: Path, plan: Mapping[str, Any]) -> "Journal":
        """The journal with its complete rounds; a torn last line and half rounds are dropped.

        Raises UsageError when it is of another plan.
        """
        head, observations = read(path)
        other = sorted(key for key in {*plan, *head} if plan.get(key) != head.get(key))
        if other:
            raise UsageError(f"{path} belongs to another session: {', '.join(other)} differ; remove it")
        complete = [one for sides in by_round(observations).values() for one in sides.values()]
        draft = cls.begin(path.with_suffix(".part"), plan)
        for observation in sorted(complete, key=lambda one: (one.round, one.place, one.side)):
            draft.add(observation)
        draft.path.replace(path)  # whole or not at all
        return cls(path, plan, draft.observations)

    def add(self, observation: Observation) -> None:
        """Append and flush to disk."""
        self.observations.append(observation)
        with self.path.open("a") as out:
            out.write(json.dumps(asdict(observation), sort_keys=True) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def done_rounds(self) -> set[int]:
        """The rounds that need not be measured again."""
        return set(by_round(self.observations))


def read(path: Path) -> tuple[dict[str, Any], list[Observation]]:
    """The plan and the observations of a journal. Raises UsageError when it is none."""
    lines = path.read_text().splitlines()
    try:
        head = json.loads(lines[0])
        if head["format"] != FORMAT:
            raise UsageError(f"{path}: format {head['format']}, expected {FORMAT}")
        plan: dict[str, Any] = head["plan"]
    except (IndexError, KeyError, TypeError, json.JSONDecodeError):
        raise UsageError(f"{path} is not a journal") from None
    observations = []
    for line in lines[1:]:
        try:
            raw = json.loads(line)
        except json.JSONDecodeError:
            break  # the line that was being written when the session ended
        observations.append(Observation(**{**raw, "guards": [Guard(**guard) for guard in raw["guards"]]}))
    return plan, observations
