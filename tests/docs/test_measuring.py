"""What docs/measuring.md says for the duet stands in the results that it links to."""

import re
from pathlib import Path

import pytest

from lab.experiments.result import KEPT, results_of
from lab.notebook.beside_abab import rows
from lab.notebook.standing import latest_of

DOCS = Path(__file__).parents[2] / "docs"
LINK = re.compile(r"\((results/levers/(\w+)\.md)\)")


FIGURE = re.compile(r"[+-]\d+\.\d ?%|\d+\.\dx|\d+ pairs")


def passages() -> list[tuple[str, str]]:
    """(lever, words) of each paragraph and each row of a table about one that was asked both ways."""
    text = (DOCS / "measuring.md").read_text()
    told = text.partition("### Is a duet right")[2].partition("\n## ")[0]
    parts = [
        part for block in told.split("\n\n") for part in (block.splitlines() if "|" in block else [block])
    ]
    return [(link[2], " ".join(part.split())) for part in parts if (link := LINK.search(part))]


@pytest.mark.parametrize("number", range(len(passages())))
def test_a_figure_about_both_designs_is_on_the_page_of_its_lever_or_counted_alike(number):
    lever, words = passages()[number]
    if "| CPU of API and PostgreSQL |" in words:
        page = "\n".join(rows(latest_of(results_of(lever, [KEPT]))))
    else:
        page = (DOCS / "results" / "levers" / f"{lever}.md").read_text()
    told = FIGURE.findall(words)
    assert len(told) >= 6
    assert not [figure for figure in told if figure not in page]


def test_the_duet_is_argued_from_pulls_that_were_asked_both_ways():
    first, *others = passages()
    assert first[0] == "durability" and "did not contradict itself" in first[1]
    assert {"pair_index", "delivery", "prepared_statements"} <= {lever for lever, _ in others}
    told = (DOCS / "measuring.md").read_text().partition("### Is a duet right")[2].partition("\n## ")[0]
    assert told.count("\n| [") == len(others)
