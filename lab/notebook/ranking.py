"""ranking.md: every lever that was pulled, in order, with all that makes its figures less firm."""

import re
from collections.abc import Sequence

from lab.notebook.advice import advice
from lab.notebook.head import machines
from lab.notebook.hot_path import shares
from lab.notebook.load_point import provisos
from lab.notebook.scaling import Searched
from lab.notebook.signs import SHORT_LEGEND
from lab.notebook.standing import FIRM, Found, catalogued, ranked
from lab.report.style.page import TEMPLATES


def ranking(latest: Sequence[Found], capacities: Sequence[Searched] = ()) -> str:
    """The whole page."""
    latest = catalogued(latest)
    shown = ranked(latest)
    lines = [
        *(TEMPLATES / "ranking.txt").read_text().splitlines(),
        f"Firm results have {FIRM}. The others have lists of their own, where only a large change counts.",
        *_left_out(len(latest) - len(shown)),
        "",
        *advice(shown, latest),
        *SHORT_LEGEND,
        "",
        "## How it was measured",
        "",
        *machines(latest),
        *provisos(shown, capacities, latest),
        "",
        *([shares(latest, "levers/"), ""] if latest else []),
        "`lab guide` writes this page from the result files in [pulls](pulls); no figure is typed by hand.",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _left_out(count: int) -> list[str]:
    """How many are left to the table of all results, since a firm one answered the same question."""
    if not count:
        return []
    words = "result that is not firm is" if count == 1 else "results that are not firm are"
    every = "[all results](evidence.md#all-results)"
    return [f"{count} {words} left out, since a firm one answers the same question ({every})."]
