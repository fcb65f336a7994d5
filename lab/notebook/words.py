"""Halves of sentences that are written by hand, a line each: `key: words` in a file of the templates."""

from lab.report.style.page import TEMPLATES


def by_key(file: str) -> dict[str, str]:
    """key -> words, in the order of the file."""
    lines = (TEMPLATES / file).read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line)
