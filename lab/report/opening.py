"""The half page on top of the guide: words of templates/opening.md, figures of the results."""

import statistics
from collections.abc import Sequence
from typing import Any

import jinja2

from lab.experiments.result import PullResult
from lab.report.advice import between
from lab.report.standing import Found, firm, mark
from lab.report.style.page import TEMPLATES
from lab.verdict_words import change
from levers.catalogue import lever_named


def opening(latest: Sequence[Found]) -> list[str]:
    """Conclusions, surprises and what would differ elsewhere, as far as the results say so by now."""
    results = [one for _, one in latest]
    usual = statistics.mode([float(one.plan["rate"]) for one in results]) if results else 0.0

    def answer(lever: str, a: str, b: str, word: str, alike: bool = False) -> PullResult | None:
        """Of the results whose primary metric says `word` a firm one, of the lever's own design first.

        `alike`: at the rate that most results have, since at two rates nothing can be ranked.
        """
        own = [
            one
            for one in results
            if one.lever == lever and one.values == (a, b) and one.primary.word == word
            if one.primary.effect and (one.plan["rate"] == usual or not alike)
        ]
        design = lever_named(lever).design
        return min(
            own,
            key=lambda one: (not firm(one), one.plan["design"] != design, one.plan["rate"] != usual),
            default=None,
        )

    def moved(*asked: Any) -> str:
        """The change with its interval, and what makes it less firm."""
        one = answer(*asked)
        return f"{change(one.primary.effect)}{mark(one)}" if one and one.primary.effect else ""

    def paid(metric: str, *asked: Any) -> str:
        """The medians of another metric that got worse in the same pull, and by how much."""
        one = answer(*asked)
        worse = one and any(each.metric == metric and each.word == "worse" for each in one.verdicts)
        return between(one, metric) if one and worse else ""

    synced = [seconds for one in results if (seconds := one.fingerprint.get("disk_sync_seconds"))]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("opening.md").render(
        moved=moved,
        paid=paid,
        less_firm=any(map(mark, results)),
        rate=f"{usual:g}",
        machines=bool(synced),
        disk=f"{min(synced) * 1000:.1f} to {max(synced) * 1000:.1f} ms" if synced else "",
        cores=" or ".join(sorted({str(one.fingerprint.get("cores")) for one in results})),
    )
    return [*text.strip().splitlines(), ""] if text.strip() else []
