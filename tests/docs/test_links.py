"""Every link of every document leads somewhere, and every document is reached from the first screen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HIDDEN = {".venv", ".git", ".lab", "node_modules"}


def _documents() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.md") if not HIDDEN & set(path.relative_to(ROOT).parts))


def _links(document: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor) of each link within the project."""
    for target in LINK.findall(CODE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        yield (document.parent / path).resolve() if path else document, anchor


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in _links(document):
        assert target.exists(), f"{document.relative_to(ROOT)}: no {target}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"no heading #{anchor} in {target}"


def test_every_document_of_docs_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or not document.exists():
            continue
        reached.add(document)
        if document.is_dir():
            waiting += document.glob("*.md")
        elif document.suffix == ".md":
            waiting += [target for target, _ in _links(document)]
    assert {path for path in _documents() if path.is_relative_to(ROOT / "docs")} <= reached


def test_links_stay_within_the_project() -> None:
    outside = {
        (str(document.relative_to(ROOT)), str(target))
        for document in _documents()
        for target, _ in _links(document)
        if not target.is_relative_to(ROOT)
    }
    assert outside == set()
