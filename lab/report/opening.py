"""The half page on top of the guide: words of templates/opening.md, figures of the results."""

import statistics
from collections.abc import Sequence

import jinja2

from lab.report.standing import Found
from lab.report.style.page import TEMPLATES
from lab.verdict_words import change
from levers.catalogue import lever_named


def opening(latest: Sequence[Found]) -> list[str]:
    """Conclusions, surprises and what would differ elsewhere, as far as the results say so by now."""
    results = [one for _, one in latest]
    usual = statistics.mode([float(one.plan["rate"]) for one in results]) if results else 0.0

    def moved(lever: str, a: str, b: str, word: str, alike: bool = False) -> str:
        """The change of the primary metric with its interval, of the lever's own design first.

        `alike`: at the rate that most results have, since at two rates nothing can be ranked.
        """
        own = [one for one in results if one.lever == lever and one.values == (a, b)]
        own.sort(key=lambda one: (one.plan["design"] != lever_named(lever).design, one.plan["rate"] != usual))
        for one in own:
            if one.primary.word == word and one.primary.effect and not (alike and one.plan["rate"] != usual):
                return change(one.primary.effect)
        return ""

    synced = [seconds for one in results if (seconds := one.fingerprint.get("disk_sync_seconds"))]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("opening.md").render(
        moved=moved,
        rate=f"{usual:g}",
        machines=bool(synced),
        disk=f"{min(synced) * 1000:.1f} to {max(synced) * 1000:.1f} ms" if synced else "",
        cores=" or ".join(sorted({str(one.fingerprint.get("cores")) for one in results})),
    )
    return [*text.strip().splitlines(), ""] if text.strip() else []
