"""Every figure of docs/results/claims.md stands in the page that its line links to."""

import json
import re
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FIGURE = re.compile(r"[+-]?\d+(?:\.\d+)?(?:x| ?%)|\d[\d.]* to \d[\d.]* ms")


def passages() -> list[str]:
    """Table lines, and the paragraphs outside the table."""
    text = (RESULTS / "claims.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("|")]
    prose = [part for part in text.split("\n\n") if not part.startswith(("|", "#"))]
    return [passage for passage in table + prose if FIGURE.search(passage)]


@pytest.mark.parametrize("passage", passages())
def test_a_figure_is_in_the_page_that_its_line_links_to(passage):
    linked = "".join(
        (RESULTS / target).read_text() for target in re.findall(r"\((levers/\w+\.md)\)", passage)
    )
    assert linked, "a figure without a page"
    missing = [figure for figure in FIGURE.findall(passage) if figure not in linked]
    assert not missing


def test_what_a_delay_costs_is_said_in_milliseconds():
    (line,) = (line for line in passages() if "200 ms saves" in line)
    assert re.search(r"delivery p50 from \d[\d.]* to \d[\d.]* ms", line)


def test_no_share_of_a_capacity_is_given_where_none_was_reached():
    for passage in passages():
        for target in re.findall(r"\(levers/(\w+)\.md\)", passage):
            files = sorted((RESULTS / "pulls").glob(f"{target}.*.json"))
            searched = [json.loads(path.read_text())["capacity"] or {} for path in files]
            if any(side["fails"] is None for one in searched for side in one.values() if type(side) is dict):
                assert "of its capacity" not in passage


def test_the_seeds_numbers_are_all_there():
    text = (RESULTS / "claims.md").read_text()
    for claim in ("1,000 events/s", "350 requests/s", "(2 x cores + 1)", "200 ms", "uvloop", "unix", "HUP"):
        assert claim in text
