"""The report of one run: one HTML file that opens offline, with what a sceptic asks for.

`Story` is all that the page shows; story.py fills it from a run's record.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from lab.report import charts
from lab.report.style import render


@dataclass(frozen=True)
class Check:
    """One line of the ledger or of the guards; `words` give the value seen and what was expected."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True)
class Latency:
    """One kind of time. `spectrum` holds (quantile, seconds), no deeper than the samples carry."""

    name: str
    count: int
    failed: int
    spectrum: Sequence[tuple[float, float]]
    longest: float | None

    def at(self, quantile: float) -> float | None:
        """Seconds at a quantile; None when there are too few samples for it."""
        return next((seconds for at, seconds in self.spectrum if math.isclose(at, quantile)), None)


@dataclass(frozen=True)
class Used:
    """What one process used: CPU in seconds, memory (PSS) in bytes or None."""

    name: str
    cpu_seconds: float
    cpu_share: float  # of one core
    cpu_ms_per_1000: float | None  # None: nothing was answered
    memory_bytes: float | None
    of_the_lab: bool = False  # the generator: not part of the stack


@dataclass(frozen=True)
class Timeline:
    """One value a second, from the start of the measured time."""

    rates: Mapping[str, Sequence[float]]
    latencies: Mapping[str, Sequence[float | None]]
    troubles: Mapping[str, Sequence[float]]
    marks: Sequence[tuple[float, str]] = ()

    @property
    def seconds(self) -> Sequence[int]:
        return range(max((len(values) for values in self.rates.values()), default=0))


@dataclass(frozen=True)
class Story:
    """A run, ready to be told."""

    title: str
    when: str
    what: str  # rate, seconds, mix, mode in one sentence
    valid: bool
    sentence: str  # the verdict in words
    reasons: Sequence[str]  # why it is INVALID
    tiles: Sequence[tuple[str, str]]  # (figure, what it is)
    ledger: Sequence[Check]
    guards: Sequence[Check]
    latencies: Sequence[Latency]
    parts: Sequence[Latency]  # the same by operation, by side
    hops: Sequence[tuple[str, float, float]]
    timeline: Timeline
    processes: Sequence[Used]
    settings: Mapping[str, Mapping[str, str]]  # process -> effective setting -> value
    fingerprint: Mapping[str, str]
    command: str  # or several, a line each: how to make it again
    questions: Sequence[tuple[str, str]]
    notes: Sequence[str] = field(default_factory=tuple)  # stand under the verdict


def write(story: Story, path: Path) -> Path:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(story))
    return path


def html(story: Story) -> str:
    """The whole page."""
    common, own = settings_of(story.settings)
    return render(
        "run.html",
        title=story.title,
        story=story,
        drawings=drawings(story),
        common_settings=common,
        own_settings=own,
        quantiles=(0.5, 0.9, 0.99, 0.999),
    )


def drawings(story: Story) -> dict[str, Markup]:
    """The pictures by name; one without figures is empty."""
    cpu = [(one.name, one.cpu_ms_per_1000, 0.0) for one in story.processes if one.cpu_ms_per_1000]
    drawn = {
        "spectrum": _spectrum(story.latencies),
        "parts": _spectrum(story.parts),
        "hops": charts.waterfall(story.hops) if story.hops else "",
        "timeline": _timeline(story.timeline),
        "cpu": charts.bars(cpu, "ms of CPU per 1,000 operations") if cpu else "",
    }
    return {name: Markup(text) for name, text in drawn.items()}


def _spectrum(rows: Sequence[Latency]) -> str:
    lines = {one.name: one.spectrum for one in rows if one.spectrum}
    return charts.spectrum(lines) if lines else ""


def _timeline(shown: Timeline) -> str:
    if len(shown.seconds) < 2:
        return ""
    return charts.timeline(shown.seconds, shown.rates, shown.latencies, shown.troubles, shown.marks)


def settings_of(
    settings: Mapping[str, Mapping[str, str]],
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """(what every process that has the setting agrees on, what differs: setting -> process -> value)."""
    values: dict[str, dict[str, str]] = {}
    for process, held in settings.items():
        for name, value in held.items():
            values.setdefault(name, {})[process] = value
    common = {
        name: next(iter(held.values())) for name, held in values.items() if len(set(held.values())) == 1
    }
    return common, {name: held for name, held in values.items() if name not in common}
