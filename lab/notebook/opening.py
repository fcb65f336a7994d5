"""Conclusions and surprises of the guide: words of templates/opening.md, figures of the results."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from lab.experiments.result import PullResult
from lab.notebook.advice import between, family
from lab.notebook.standing import Found, catalogued, question_of, roomy, warmed_as_usual
from lab.report.style.page import TEMPLATES
from lab.verdict import Verdict
from lab.verdict_words import change
from levers.catalogue import lever_named


class Answers:
    """What firm results say about a lever. '' or None where they do not say it, or something else."""

    def __init__(self, latest: Sequence[Found]) -> None:
        self.results = [one for _, one in catalogued(latest)]

    def answer(self, lever: str, a: str, b: str, word: str, *, mode: str = "") -> PullResult | None:
        """Of those whose primary metric says `word` one of the lever's metric and design, with room."""
        catalogued = lever_named(lever)
        own = [
            one
            for one in self.results
            if one.lever == lever and one.values == (a, b) and one.primary.word == word
            if one.primary.effect and family(one.primary.metric) == family(catalogued.metric)
            if mode in ("", one.plan["mode"])
        ]
        return min(
            own,
            key=lambda one: (
                one.plan["metric"] != catalogued.metric,
                not warmed_as_usual(one),
                one.plan["design"] != catalogued.design,
                not roomy(one),
                -one.plan["rate"],
            ),
            default=None,
        )

    def moved(self, *asked: Any, **more: Any) -> str:
        """The change, its interval and rate, and what another rate says otherwise."""
        one = self.answer(*asked, **more)
        if not (one and one.primary.effect):
            return ""
        return f"{change(one.primary.effect)} at {_rate(one)}{self._otherwise(one)}"

    def _otherwise(self, result: PullResult) -> str:
        """Results of the same question at other rates that end in another word; '' for none."""
        told = [
            f"; at {_rate(one)} {change(one.primary.effect)}, {one.primary.withheld or one.primary.word}"
            for one in self.results
            if question_of(one) == question_of(result) and one.primary.word != result.primary.word
            if one.primary.effect and one.plan["rate"] != result.plan["rate"]
        ]
        return "".join(told)

    def beyond(self, asked: Sequence[Any], lever: str) -> bool:
        """Whether its whole interval lies above those of all values of another lever at that rate."""
        one = self.answer(*asked)
        if not (one and one.primary.effect):
            return False
        others = [
            other.primary.effect
            for other in self.results
            if other.lever == lever and other.primary.effect and other.primary.metric == one.primary.metric
            if other.plan["rate"] == one.plan["rate"]
        ]
        return bool(others) and one.primary.effect.low > max(other.high for other in others)

    def paid(self, metric: str, *asked: Any, **more: Any) -> str:
        """The medians of another metric that got worse in the same pull, and by how much."""
        one = self.answer(*asked, **more)
        worse = one and self.word(metric, *asked, **more) == "worse"
        return between(one, metric) if one and worse else ""

    def word(self, metric: str, *asked: Any, **more: Any) -> str:
        """The verdict about another metric in the same pull; '' for none."""
        found = self._beside(metric, *asked, **more)
        return found.word if found else ""

    def beside(self, metric: str, *asked: Any, **more: Any) -> str:
        """The change of another metric in the same pull, with its interval."""
        found = self._beside(metric, *asked, **more)
        return change(found.effect) if found and found.effect else ""

    def _beside(self, metric: str, *asked: Any, **more: Any) -> Verdict | None:
        one = self.answer(*asked, **more)
        return next((each for each in one.verdicts if each.metric == metric), None) if one else None


def _rate(result: PullResult) -> str:
    return f"{result.plan['rate']:,g}/s"


def opening(latest: Sequence[Found]) -> list[str]:
    """Conclusions, surprises and what would differ elsewhere, as far as firm results say so by now."""
    answers = Answers(latest)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("opening.md").render(answers=answers, **_conditions(answers))
    return [*text.strip().splitlines(), ""] if text.strip() else []


def _conditions(answers: Answers) -> Mapping[str, Any]:
    """Where and how the results came to be, as far as texts name it."""
    results = answers.results
    synced = [seconds for one in results if (seconds := one.fingerprint.get("disk_sync_seconds"))]
    return {
        "machines": bool(synced),
        "disk": f"{min(synced) * 1000:.1f} to {max(synced) * 1000:.1f} ms" if synced else "",
        "cores": " or ".join(sorted({str(one.fingerprint.get("cores")) for one in results})),
    }
