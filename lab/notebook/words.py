"""Halves of sentences that are written by hand, a line each: `key: words` in a file of the templates."""

from lab.report.style.page import TEMPLATES


def given_up(lever: str, value: str) -> str:
    """What is lost with a value of a lever, by hand: of this value or of all; '' for no words."""
    known = by_key("given_up.txt")
    return known.get(f"{lever} {value}") or known.get(lever, "")


def by_key(file: str) -> dict[str, str]:
    """key -> words, in the order of the file."""
    lines = (TEMPLATES / file).read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line)
