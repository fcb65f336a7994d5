"""The notebook's index.html: levers x metrics, all results in a table, and what came before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.experiments.result import PullResult
from lab.notebook.apart import apart
from lab.notebook.standing import Found, ranked
from lab.report.style import render
from lab.verdict import Verdict
from lab.verdict_words import GLYPHS
from levers.metrics import METRICS

FAINTEST, STRONGEST = 8, 53  # per cent of the verdict's colour; the strongest from twice or half on
TONES = {"better": "good", "worse": "bad"}


@dataclass(frozen=True)
class Cell:
    """One metric of one pull: `shade` in per cent, `tone` a class of the page's colours or ''.

    `decides`: it was named before the run, and the pull's verdict is about it.
    """

    words: str
    sentence: str
    shade: int
    tone: str
    claimed: bool
    decides: bool


@dataclass(frozen=True)
class Row:
    """One pull. `besides`: what sets it apart from others of its lever; a cell for each metric or none.

    `invalid`: no figure is claimed, and why.
    """

    values: tuple[str, str]
    besides: str
    cells: Sequence[Cell | None]
    invalid: str


def heat_map(latest: Sequence[Found], history: Sequence[Found] = ()) -> str:
    """The page. The levers in the order of their largest effect, the rows of one beside each other."""
    shown = [
        (result, {one.metric: one for one in result.verdicts if one.effect}) for _, result in ranked(latest)
    ]
    metrics = [metric for metric in METRICS.values() if any(metric.name in told for _, told in shown)]
    groups: dict[str, list[Row]] = {}
    for result, told in shown:
        cells = [_cell(told.get(metric.name), result) for metric in metrics]
        besides = apart(result, latest).replace("`", "").removeprefix(", ")
        invalid = "" if told else result.primary.sentence
        groups.setdefault(result.lever, []).append(Row(result.values, besides, cells, invalid))
    return render(
        "heat_map.html",
        title="Levers and what they change",
        metrics=metrics,
        groups=groups,
        results=[(path, result, result.primary) for path, result in latest],
        earlier=[(path, result, result.primary) for path, result in history if (path, result) not in latest],
        glyphs=GLYPHS,
    )


def _cell(verdict: Verdict | None, result: PullResult) -> Cell | None:
    if verdict is None or verdict.effect is None:
        return None
    ratio, claimed = verdict.effect.ratio, verdict.word != "no difference shown"
    strength = min(1.0, abs(math.log2(ratio))) if claimed else 0.0
    words = f"{(ratio - 1) * 100:+.0f}%" if ratio < 2 else f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"
    return Cell(
        f"{GLYPHS[verdict.word]} {words}",
        verdict.sentence,
        round(FAINTEST + (STRONGEST - FAINTEST) * strength),
        TONES.get(verdict.word, ""),
        claimed,
        verdict == result.primary,
    )
