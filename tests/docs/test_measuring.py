"""What docs/measuring.md says for the duet stands in the results that it links to."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LINK = re.compile(r"\((results/levers/(\w+)\.md)\)")


def passages() -> dict[str, str]:
    """The paragraphs about levers that were asked both ways, by lever, in their order."""
    text = (DOCS / "measuring.md").read_text()
    told = text.partition("### Is a duet right")[2].partition("\n## ")[0]
    found = {}
    for paragraph in told.split("\n\n"):
        if link := LINK.search(paragraph):
            found[link[2]] = " ".join(paragraph.split())
    return found


@pytest.mark.parametrize("lever", passages())
def test_a_figure_about_both_designs_is_on_the_page_of_its_lever(lever):
    page = (DOCS / "results" / "levers" / f"{lever}.md").read_text()
    told = re.findall(r"[+-]\d+\.\d ?%|\d+ pairs", passages()[lever])
    assert len(told) >= 8
    assert not [figure for figure in told if figure not in page]


def test_the_duet_is_argued_from_a_pull_that_abab_decided_first():
    first, second = passages().items()
    assert first[0] == "durability" and "did not contradict itself" in first[1]
    assert second[0] == "prepared_statements" and "did not contradict itself" in second[1]
