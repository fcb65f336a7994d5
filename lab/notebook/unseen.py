"""Levers whose claim the load of their pulls cannot show: why, and which load would (cannot_show.txt)."""

from collections.abc import Sequence

from lab.experiments.result import PullResult
from lab.notebook.words import by_key
from lab.report.doubts import applies


def unseen(own: Sequence[PullResult]) -> str:
    """What a lever's results lack to show its claim; '' where they show it, or a price alone is asked."""
    return applies(own) if own and own[0].lever in by_key("cannot_show.txt") else ""


def wanted(lever: str) -> str:
    """The load that would show it."""
    return by_key("cannot_show.txt")[lever]
