"""Conclusions and surprises on top of the guide: words of templates/opening.md, figures of the results."""

from collections.abc import Sequence

from lab.notebook.answers import filled
from lab.notebook.standing import Found


def opening(latest: Sequence[Found]) -> list[str]:
    """Conclusions, surprises and what would differ elsewhere, as far as the results say so by now."""
    return filled("opening.md", latest)
