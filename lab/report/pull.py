"""The report of a pull: one HTML file that opens offline, with all that a sceptic asks for."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.experiments.audit import difference, merged
from lab.experiments.compact import histogram_of
from lab.experiments.result import PullResult
from lab.experiments.series import about, together
from lab.report import believed, charts, pull_charts
from lab.report.again import pull_again
from lab.report.doubts import doubts
from lab.report.load_words import load_of, searched
from lab.report.style import render
from lab.statistics import Effect
from lab.trials.observation import Observation, by_round, floor_pairs_of, pairs_of
from lab.trials.schedule import Side
from lab.verdict import SAMENESS, Verdict
from lab.verdict_words import GLYPHS, prediction_came_true
from levers.catalogue import lever_named, page, paragraphs
from levers.metrics import METRICS

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999)
TONES = {
    "better": "good",
    "worse": "bad",
    "same within the margin": "good",
    "no difference shown": "doubt",
    "INVALID": "bad",
}


def write(result: PullResult, path: Path, sessions: Sequence[PullResult] = ()) -> Path:
    """Write the report next to its result, or wherever `path` says. `sessions` of its question, it too."""
    path.write_text(html(result, sessions))
    return path


def html(result: PullResult, sessions: Sequence[PullResult] = ()) -> str:
    """The whole page."""
    lever = lever_named(result.lever)
    verdict = result.primary
    told = paragraphs(page(result.lever))
    return render(
        "pull.html",
        title=f"{result.lever}: {result.values[0]} or {result.values[1]}?",
        result=result,
        lever=lever,
        verdict=verdict,
        tone=TONES[verdict.word],
        prediction=_prediction(result),
        glyphs=GLYPHS,
        metrics=METRICS,
        day=result.day,
        minutes=result.seconds / 60,
        rounds=len(by_round(result.observations)),
        drawings=drawings(result) | {"sessions": Markup(_sessions(sessions, result))},
        sessions=sessions,
        counting=sum(about(one, verdict.metric) is not None for one in sessions),
        joint=together(sessions, verdict.metric),
        busiest=busiest(result),
        differences=difference([result.settings["a"]], [result.settings["b"]]),
        doubts=doubts([result]),
        load=load_of(result).replace("`", ""),
        searched=searched(result),
        again=pull_again(result),
        no_latency=not any(METRICS[one.metric].is_latency and one.effect for one in result.verdicts),
        no_tail=not _tail_claimed(result),
        same_settings=merged([result.settings["a"]]),
        medians=_medians(result),
        believed=believed,
        different_when=told.get("Different when", ""),
        question=told.get("question", lever.question),
        plan=result.plan,
        machine={name: value for name, value in result.fingerprint.items() if name != "packages"},
        packages=dict(result.fingerprint.get("packages") or {}),
        started=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(result.started_at)),
    )


def drawings(result: PullResult) -> dict[str, Markup]:
    """The pictures by name; one for which this result has no figures is empty."""
    drawn = {
        "intervals": intervals(result),
        "pairs": _pairs(result),
        "over_time": _over_time(result),
        "spectrum": _spectrum(result),
        "capacity": _capacity(result),
        "cpu": _cpu(result),
        "timeline": _timeline(result),
    }
    return {name: Markup(text) for name, text in drawn.items()}


def intervals(result: PullResult) -> str:
    """Each metric's change with its interval, as an SVG picture; empty where none has one."""
    rows = [_bar(result.label(one.metric), one, one.effect) for one in result.verdicts if one.effect]
    return pull_charts.intervals(rows) if rows else ""


def _bar(label: str, verdict: Verdict, effect: Effect) -> tuple[str, str, float, float, float, float, float]:
    margin = SAMENESS if verdict.word == "same within the margin" else verdict.margin or 0.0
    floor = verdict.floor.largest_change if verdict.floor else 0.0
    return label, verdict.word, effect.ratio, effect.low, effect.high, margin, floor


def _sessions(sessions: Sequence[PullResult], result: PullResult) -> str:
    """Each session's change with its interval, and that of all together; empty where there is one only."""
    if len(sessions) < 2:
        return ""
    metric = result.primary.metric
    joint = together(sessions, metric)
    told = [(_named(one, result), about(one, metric)) for one in sessions] + [("together", joint)]
    rows = [_bar(name, one, one.effect) for name, one in told if one and one.effect]
    return pull_charts.intervals(rows) if rows else ""


def _named(one: PullResult, result: PullResult) -> str:
    at = time.strftime("%d %b, %H:%M", time.gmtime(one.started_at))
    return f"{at}, seed {one.plan['seed']}{' (this one)' if one.started_at == result.started_at else ''}"


def _pairs(result: PullResult) -> str:
    metric = METRICS[result.primary.metric]
    points = [(pair.a, pair.b, pair.order) for pair in pairs_of(result.observations, metric.name)]
    return (
        pull_charts.pairs(points, result.values, f"{result.label(metric.name)}, {metric.unit}")
        if points
        else ""
    )


def _over_time(result: PullResult) -> str:
    metric = result.primary.metric
    found = pairs_of(result.observations, metric)
    twins = floor_pairs_of(result.observations, metric)
    if len(found) < 2 or len(found) != len(twins):
        return ""
    rounds = by_round(result.observations)
    kept = [rounds[pair.number] for pair in found]
    return pull_charts.over_time(
        [pair.number + 1 for pair in found],
        {
            f"{result.values[1]} against {result.values[0]}": [pair.b / pair.a for pair in found],
            f"{result.values[0]} against itself": [pair.b / pair.a for pair in twins],
        },
        [max(one.pressure for one in sides.values()) for sides in kept],
        [max(float(one.detail.get("others", 0.0)) for one in sides.values()) for sides in kept],
        result.primary.margin or 0.02,
    )


def _tail_claimed(result: PullResult) -> bool:
    """Whether the table claims a p99: a picture must not show what it refuses."""
    return any(one.metric == "p99" and one.effect for one in result.verdicts)


def _spectrum(result: PullResult) -> str:
    lines = {}
    deepest = 1.0 if _tail_claimed(result) else 0.9
    for side, value in zip(("a", "b"), result.values, strict=True):
        for kind, label in (("intended", "from the intended send"), ("send", "from the actual send")):
            found = spectrum_of(result.observations, side, kind)  # type: ignore[arg-type]  # both are sides
            if points := [point for point in found if point[0] <= deepest]:
                lines[f"{value}, {label}"] = points
    return charts.spectrum(lines) if lines else ""


def spectrum_of(observations: Sequence[Observation], side: Side, kind: str) -> list[tuple[float, float]]:
    """(quantile, seconds) of a side over all trials: histograms added up, percentiles never averaged."""
    total = histogram_of(observations, side, kind)
    if total is None or not total.get_total_count():
        return []
    deepest = 1 - 10 / total.get_total_count()  # ten samples behind the last point, or it is luck
    return [
        (quantile, total.get_value_at_percentile(quantile * 100) / 1e6)
        for quantile in QUANTILES
        if quantile <= max(0.9, deepest)
    ]


def _capacity(result: PullResult) -> str:
    if not result.capacity:
        return ""
    slo = float(result.capacity["slo_p99_seconds"])
    sides = {
        value: [(one["rate"], one["p99_seconds"], one["held"]) for one in result.capacity[side]["attempts"]]
        for side, value in zip(("a", "b"), result.values, strict=True)
        if side in result.capacity
    }
    return pull_charts.against_rate(sides, slo, float(result.plan["rate"]))


def _cpu(result: PullResult) -> str:
    sides: dict[str, dict[str, float]] = {}
    for side, value in zip(("a", "b"), result.values, strict=True):
        parts: dict[str, list[float]] = {}
        for one in result.observations:
            if one.side == side:
                for name, spent in one.detail.get("cpu", {}).items():
                    parts.setdefault(name, []).append(spent)
        if parts:
            sides[value] = {name: statistics.median(spent) for name, spent in parts.items()}
    return pull_charts.cpu(sides) if sides else ""


def _timeline(result: PullResult) -> str:
    """The last trial of A and of B, second by second; older duets know only all sides together."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for side, value in zip(("a", "b"), result.values, strict=True):
        having = [one for one in result.observations if one.side == side and one.detail.get("seconds")]
        if having:
            rows[value] = list(having[-1].detail["seconds"])
    a, b = (rows.get(value) for value in result.values)
    if a is not None and a == b:
        rows = {"all sides": a}
    length = min((len(series) for series in rows.values()), default=0)
    if not rows or length < 2:
        return ""
    return charts.timeline(
        list(range(length)),
        {f"{value}, answered": [row["ok"] for row in series[:length]] for value, series in rows.items()},
        {f"{value}, p99": [row["p99"] for row in series[:length]] for value, series in rows.items()},
        {
            f"{value}, {word}": [row[key] for row in series[:length]]
            for value, series in rows.items()
            for key, word in (("errors", "errors"), ("backlog", "in flight"))
        },
    )


def busiest(result: PullResult) -> str:
    """What was nearest to its limit in most trials, with its median share; '' in older files."""
    found = [one.detail["busiest"] for one in result.observations if one.detail.get("busiest")]
    if not found:
        return ""
    (name, times), *_ = Counter(name for name, _ in found).most_common()
    share = statistics.median(part for other, part in found if other == name)
    often = f"{times} of {len(found)} readings"
    return f"{name} was nearest to its limit in {often}, at {share:.0%} of the cores it may use."


def _medians(result: PullResult) -> list[tuple[str, str, float, float]]:
    """(label, unit, median of A, median of B) of each metric of which something is claimed."""
    rows = []
    for verdict in result.verdicts:
        found = pairs_of(result.observations, verdict.metric) if verdict.effect else []
        if found:
            metric = METRICS[verdict.metric]
            a, b = statistics.median(p.a for p in found), statistics.median(p.b for p in found)
            rows.append((result.label(metric.name), metric.unit, a, b))
    return rows


def _prediction(result: PullResult) -> str:
    if not result.prediction:
        return "No prediction was made before the run."
    words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
    return f"The prediction ({result.label(result.primary.metric)}: {result.prediction}): {words}."
