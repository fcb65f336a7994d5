"""A figure without its command and its machine is a rumour."""

import re
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
INDEXES = {"README.md", "claims.md"}  # tables of links to results, each of which is a page here
COMMAND = re.compile(
    r"(?:^\s*|`)(?:\.venv/bin/)?(?:lab|make|python|bash|docs/results/\S+\.sh)\b", re.MULTILINE
)
MACHINE = re.compile(r"\b\d+ cores?\b")


def _pages() -> list[Path]:
    return sorted(path for path in RESULTS.rglob("*.md") if path.name not in INDEXES)


@pytest.mark.parametrize("page", _pages(), ids=lambda path: str(path.relative_to(RESULTS)))
def test_a_result_names_its_command_and_its_machine(page: Path) -> None:
    text = page.read_text()
    assert COMMAND.search(text), "no command"
    if "](../README.md)" in text:  # the pages of the pulls leave the machine to their index
        text += (RESULTS / "README.md").read_text()
    assert MACHINE.search(text), "no machine: how many cores?"


@pytest.mark.parametrize("page", [RESULTS / name for name in sorted(INDEXES)], ids=lambda path: path.name)
def test_an_index_leads_to_results(page: Path) -> None:
    assert re.search(r"\]\((?!http)[^)]+\.(?:md|json|html)", page.read_text())
