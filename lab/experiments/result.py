"""The result of a pull: one JSON file that holds all that a reader, a report or a comparison needs."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.caveats import caveat
from lab.errors import UsageError, VoidResult
from lab.experiments.audit import check_sides
from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.session import AGAIN, verdicts_of
from lab.trials.observation import Observation
from lab.verdict import Guard, Verdict

FORMAT = 1
KIND = "pull"
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "results" / "pulls"  # committed results
RUNS = ROOT / ".lab" / "results"  # this machine's own
AGAIN_NOTE = re.compile(r"round (\d+) was measured again: (.*)")


@dataclass(frozen=True)
class PullResult:
    """What was asked (`plan`), where (`fingerprint`), with what (`settings`: the effective ones by side).

    `verdicts` by metric, the primary first; `seconds` how long it took; `prediction` up, down, same or None.
    `stall_test`: of the generator's test of itself the rate, the slow samples and how many were needed; None
    in older files.
    """

    plan: Mapping[str, Any]
    fingerprint: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    verdicts: list[Verdict]
    observations: list[Observation]
    started_at: float
    seconds: float
    prediction: str | None = None
    capacity: Mapping[str, Any] | None = None
    command: str = ""
    notes: list[str] = field(default_factory=list)
    stall_test: Mapping[str, Any] | None = None

    @property
    def lever(self) -> str:
        return str(self.plan["lever"])

    @property
    def values(self) -> tuple[str, str]:
        a, b = self.plan["values"]
        return str(a), str(b)

    def label(self, metric: str) -> str:
        """The metric in words, with what was counted."""
        return plan_from(self.plan).label(metric)

    @property
    def primary(self) -> Verdict:
        return self.verdicts[0]

    @property
    def day(self) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.started_at))

    def save(self, path: Path) -> Path:
        """Write the file, whole or not at all. Its verdicts are not in it: they are the reader's."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        raw = {name: value for name, value in asdict(self).items() if name != "verdicts"}
        draft.write_text(json.dumps({"format": FORMAT, "kind": KIND, **raw}, indent=1) + "\n")
        draft.replace(path)
        return path


def load(path: Path) -> PullResult:
    """Read a result file. Raises UsageError when it is none.

    The verdicts are those of the present rules, the audit's among them, from the observations: so that
    results of different months mean the same by one word.
    """
    try:
        raw = json.loads(path.read_text())
        if raw.pop("format") != FORMAT or raw.pop("kind") != KIND:
            raise KeyError
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(f"{path} is not the result of a pull") from None
    again = _told_again(raw["notes"])
    observations = [
        Observation(
            **{
                **one,
                "guards": [Guard(**guard) for guard in one["guards"]],
                "detail": {**again.get(one["round"], {}), **one["detail"]},
            }
        )
        for one in raw["observations"]
    ]
    plan = plan_from(raw["plan"])
    verdicts = _audited(plan, raw["settings"], verdicts_of(plan, observations))
    return PullResult(**{**raw, "observations": observations, "verdicts": verdicts})


def _audited(
    plan: PullPlan, settings: Mapping[str, Mapping[str, Any]], verdicts: list[Verdict]
) -> list[Verdict]:
    """The verdicts; all INVALID where the sides differ in more than the lever, or not in the lever."""
    # A file has no settings of A's twin: that both are equal was seen to before the trials.
    sides = {side: [settings[of]] for side, of in (("a", "a"), ("a2", "a"), ("b", "b"))}
    try:
        check_sides(plan.lever, plan.of.effective, plan.values, sides, plan.held)
    except VoidResult as refused:
        found = caveat("audit", why=refused)
        return [
            Verdict(
                metric=one.metric,
                word="INVALID",
                sentence=f"INVALID: {found.seen}. No figure is claimed.",
                caveats=(found, *one.caveats),
                guards=one.guards,
            )
            for one in verdicts
        ]
    return verdicts


def _told_again(notes: Iterable[str]) -> dict[int, dict[str, list[str]]]:
    """Round -> detail, of the rounds that were measured again: older files say so in their notes only."""
    found: dict[int, dict[str, list[str]]] = {}
    for told in (AGAIN_NOTE.fullmatch(note) for note in notes):
        if told:
            found.setdefault(int(told[1]) - 1, {AGAIN: []})[AGAIN].append(told[2])
    return found


def without_words(path: Path) -> None:
    """Take the verdicts out of an older file: words of the rules of then would contradict those of now."""
    raw = json.loads(path.read_text())
    if raw.get("kind") == KIND and raw.pop("verdicts", None) is not None:
        path.write_text(json.dumps(raw, indent=1) + "\n")


def file_name(result: PullResult) -> str:
    """event_loop.uvloop-asyncio.20250102-030405.json: sorts by time within a question."""
    a, b = (value.replace("/", "_") for value in result.values)
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(result.started_at))
    return f"{result.lever}.{a}-{b}.{moment}.json"


def results_of(
    lever: str | None = None, folders: Iterable[Path] = (KEPT, RUNS)
) -> list[tuple[Path, PullResult]]:
    """All results (of a lever), oldest first; files that cannot be read are left out."""
    found = []
    for folder in folders:
        for path in sorted(folder.glob(f"{lever or '*'}.*.json")):
            try:
                found.append((path, load(path)))
            except UsageError:
                continue
    return sorted(found, key=lambda one: one[1].started_at)


def preferred(found: Iterable[tuple[Path, PullResult]]) -> tuple[Path, PullResult] | None:
    """The one to show: of those that count the newest under the lever's own load, a committed one first."""
    return max(
        found,
        key=lambda one: (
            one[1].primary.word != "INVALID",
            plan_from(one[1].plan).as_catalogued,
            one[0].parent == KEPT,
            one[1].started_at,
        ),
        default=None,
    )
