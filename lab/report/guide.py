"""The notebook in docs/results: a page a lever, an index that says what to pull first, a heat map.

Everything in it comes from result files; `lab guide` writes it anew, so that no figure is typed by hand.
"""

import re
import shutil
import statistics
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.experiments.preparation import ELSEWHERE
from lab.experiments.result import KEPT, PullResult, results_of
from lab.experiments.session import MOST_OF_OTHERS
from lab.report import pull, pull_charts, scaling
from lab.report.advice import Found, advice, change, size
from lab.report.hops import hops
from lab.report.kills import kills
from lab.report.lever_page import apart, content_of, lever_page
from lab.report.opening import opening
from lab.report.style import render
from lab.report.style.palette import ROLES
from lab.statistics import log_ratios, resolution
from lab.trials.observation import floor_pairs_of, pairs_of
from lab.verdict import GLYPHS, Verdict, prediction_came_true
from levers.catalogue import catalogue, lever_named
from levers.lever import Lever
from levers.metrics import METRICS

FOLDER = KEPT.parent
PAIRS = 12
LEAST_TWINS = 6  # A/A pairs of a session that say something about the spread
OWN = ("README.md", "claims.md")


def write(folder: Path = FOLDER, results: Sequence[Found] | None = None) -> list[Path]:
    """Write index, heat map, pages and figures; returns what was written."""
    found = list(results_of(folders=[folder / "pulls"]) if results is None else results)
    latest = latest_of(found)
    sweeps, capacities = scaling.sweeps_of(folder / "sweeps"), scaling.capacities_of(folder / "capacity")
    shutil.rmtree(folder / "levers", ignore_errors=True)
    for name in ("levers", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in catalogue():
        for old in (folder / "figures").glob(f"{name}.*.svg"):  # other pages keep theirs there as well
            old.unlink()
    written = [
        _text(folder / "README.md", index(latest, others(folder), sweeps, capacities)),
        _text(folder / "index.html", heat_map(latest, found)),
    ]
    for path, sweep in sweeps:
        written.append(_text(folder / "figures" / f"{path.stem}.svg", standalone(scaling.drawn(sweep))))
    for name in sorted({result.lever for _, result in latest} | {sweep["lever"] for _, sweep in sweeps}):
        own = [one for one in latest if one[1].lever == name]
        for path, result in own:
            drawn = pull.drawings(result)["intervals"]
            if drawn:
                written.append(_text(folder / "figures" / f"{path.stem}.svg", standalone(drawn)))
        besides = scaling.on_lever(name, sweeps) + kills(name, folder / "faults.md")
        written.append(_text(folder / "levers" / f"{name}.md", lever_page(name, own, besides)))
    return written


def latest_of(found: Sequence[Found]) -> list[Found]:
    """The newest result of each question (lever, values, mode, design, content), the largest effect first."""
    newest = {
        (one.lever, one.values, one.plan["mode"], one.plan["design"], content_of(one)): (path, one)
        for path, one in found
    }
    return sorted(newest.values(), key=lambda one: (-size(one[1]), one[1].lever))


def index(
    latest: Sequence[Found],
    besides: Sequence[tuple[str, str]] = (),
    sweeps: Sequence[scaling.SweptFile] = (),
    capacities: Sequence[scaling.CapacityFile] = (),
) -> str:
    """README.md: what to pull first, then every result, then what was not run."""
    lines = [
        "# What was measured",
        "",
        "Each line is one pull: A against B on one machine, at one rate, in balanced trials, beside A",
        "against A from the same minutes. How that is done and what takes a figure away: "
        "[measuring](../measuring.md).",
        "The same as a heat map, which opens offline: [index.html](index.html). What the systems that this",
        "lab comes from claim, and what became of it: [claims](claims.md).",
        "",
        *_machines(latest),
        *summary(latest),
        *opening(latest),
        "## What to pull first",
        "",
        "By the effect on the metric that was named before the run, with its 95 % interval; in the second",
        "brackets the medians. Ratios are ranked among their like: CPU, waiting, frames and bytes.",
        "",
        *advice(latest),
        *hops(latest),
        *scaling.section(sweeps, capacities),
        "## All results",
        "",
        "| lever | A, B | metric | change (95 %) | pairs | verdict | predicted |",
        "|---|---|---|---|---|---|---|",
        *(_row(path, result) for path, result in latest),
        "",
        "▲ better, ▼ worse, = same within the margin, ? no difference shown, ✗ invalid: nothing is claimed.",
        "Fewer than 12 pairs are `--quick`: large effects only, and never sameness. °: by older code, whose",
        "processes did not yet say at /health which database driver they use.",
        "",
        "## What the designs resolve on this machine",
        "",
        "Half the width of the 95 % interval that twelve pairs would have, from A against A of the results",
        "above (median over the sessions): a smaller change than this cannot be seen.",
        "",
        *_resolved(latest),
        "",
        "## Not pulled yet",
        "",
        *(
            _not_run({result.lever for _, result in latest} | {one["lever"] for _, one in sweeps})
            or ["Every lever of the catalogue has a result."]
        ),
        "",
        *(["## Not levers", "", *(f"- [{title}]({name})" for name, title in besides), ""] if besides else []),
        "`lab guide` writes this page from the result files in [pulls](pulls); nothing is typed by hand.",
    ]
    return "\n".join(lines) + "\n"


def summary(latest: Sequence[Found]) -> list[str]:
    """How the pulls ended, in one sentence."""
    if not latest:
        return []
    words = [result.primary.word for _, result in latest]
    decided, same = words.count("better") + words.count("worse"), words.count("same within the margin")
    hidden, invalid = words.count("no difference shown"), words.count("INVALID")
    own = sum(result.prediction == lever_named(result.lever).expected for _, result in latest)
    made = sum(bool(result.prediction) for _, result in latest)
    whose = (
        "the catalogue's own" if own == made else f"{own} the catalogue's own, {made - own} of whoever ran it"
    )
    came = sum(_prediction(result).endswith("came true") for _, result in latest)
    failed = sum("did not come true" in _prediction(result) for _, result in latest)
    return [
        f"{len(latest)} pulls of {len({one.lever for _, one in latest})} levers: {decided} showed a "
        f"difference, {same} showed sameness, {hidden} could not tell, {invalid} do not count. Of {made} "
        f"predictions that were noted before the runs ({whose}) {came} came true and {failed} did not.",
        "",
    ]


def others(folder: Path) -> list[tuple[str, str]]:
    """Pages in the folder that no pull made (faults, seeding ...): file name and title."""
    found = []
    for path in sorted(folder.glob("*.md")):
        title = path.read_text().partition("\n")[0].lstrip("# ")
        if path.name not in OWN:
            found.append((path.name, title))
    return found


def _machines(latest: Sequence[Found]) -> list[str]:
    machines = sorted({_machine(result.fingerprint) for _, result in latest})
    if not machines:
        return ["Nothing yet: `lab pull LEVER --keep`, then `lab guide`.", ""]
    return ["Measured on " + "; ".join(machines) + "." + _disk(latest), ""]


def _machine(fingerprint: Mapping[str, Any]) -> str:
    memory = int(fingerprint.get("memory_bytes") or 0) / 2**30
    return (
        f"{fingerprint.get('cores')} cores of {fingerprint.get('cpu')}, {memory:.0f} GiB, "
        f"{fingerprint.get('system')}, Python {fingerprint.get('python')}"
    )


def _disk(latest: Sequence[Found]) -> str:
    """What durability waits for: on another disk its levers come out differently."""
    found = [seconds for _, result in latest if (seconds := result.fingerprint.get("disk_sync_seconds"))]
    if not found:
        return ""
    low, high = min(found) * 1000, max(found) * 1000
    return (
        f" A write to disk that is waited for took {low:.1f} to {high:.1f} ms there (median of each session)."
    )


def _row(path: Path, result: PullResult) -> str:
    verdict = result.primary
    a, b = result.values
    pairs = len(pairs_of(result.observations, verdict.metric))
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{a}`, `{b}`{apart(result)} "
        f"| {METRICS[verdict.metric].label}{_other_metric(result)} | {_interval(verdict)} "
        f"| {pairs} | {GLYPHS[verdict.word]} [{verdict.word}](pulls/{path.name}){_older(result)} "
        f"| {_prediction(result)} |"
    )


def _other_metric(result: PullResult) -> str:
    """Said where the pull was about something else than the lever is."""
    own = lever_named(result.lever).metric
    return "" if result.plan["metric"] == own else f" (the lever's own: {METRICS[own].label})"


def _older(result: PullResult) -> str:
    return "" if any("driver" in found for found in result.settings.values()) else " °"


def _interval(verdict: Verdict) -> str:
    return change(verdict.effect) if verdict.effect else "-"


def _prediction(result: PullResult) -> str:
    if not result.prediction:
        return "-"
    words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
    return f"{result.prediction}: {words.partition(':')[0]}"


def _resolved(latest: Sequence[Found]) -> list[str]:
    """A table: design x metric x how busy the machine was, from the A/A pairs of every session."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for _, result in latest:
        for verdict in result.verdicts:
            twins = floor_pairs_of(result.observations, verdict.metric)
            if verdict.effect and len(twins) >= LEAST_TWINS:
                ratios = log_ratios([pair.a for pair in twins], [pair.b for pair in twins])
                key = (result.plan["design"], METRICS[verdict.metric].label, _company(result))
                found.setdefault(key, []).append(resolution(ratios, PAIRS))
    if not found:
        return ["No session is long enough yet."]
    lines = ["| design | metric | the machine was | resolves | sessions |", "|---|---|---|---|---|"]
    lines += [
        f"| {design} | {label} | {company} | {statistics.median(values):.1%} | {len(values)} |"
        for (design, label, company), values in sorted(found.items())
    ]
    return lines


def _company(result: PullResult) -> str:
    """Whether other programs used the machine during the trials."""
    used = statistics.median(float(one.detail.get("others", 0.0)) for one in result.observations)
    return "shared" if used > MOST_OF_OTHERS else "the lab's alone"


def _not_run(run: Collection[str]) -> list[str]:
    return [
        f"- {name}: {lever.question} `{_command(lever)}`"
        for name, lever in catalogue().items()
        if name not in run
    ]


def _command(lever: Lever) -> str:
    if lever.metric not in ELSEWHERE:
        return f"lab pull {lever.name}"
    if lever.metric == "capacity":
        return f"lab sweep {lever.name}"
    return f"lab pull {lever.name} --metric {next(one for one in lever.also if one not in ELSEWHERE)}"


def heat_map(latest: Sequence[Found], history: Sequence[Found] = ()) -> str:
    """index.html: levers x metrics, and of `history` what came before."""
    cells: dict[tuple[str, str], tuple[float, str]] = {}
    names = []
    for _, result in latest:
        name = f"{result.lever}: {result.values[0]} > {result.values[1]}{apart(result)}"
        names.append(name)
        for verdict in result.verdicts:
            if verdict.effect:
                label = METRICS[verdict.metric].label
                cells[name, label] = (verdict.effect.ratio, GLYPHS[verdict.word])
    labels = [metric.label for metric in METRICS.values() if any(one == metric.label for _, one in cells)]
    drawn = Markup(pull_charts.heat_map(names, labels, cells)) if cells else Markup("")
    return render(
        "guide.html",
        title="Levers and what they change",
        drawn=drawn,
        results=[(path, result, result.primary) for path, result in latest],
        earlier=[(path, result, result.primary) for path, result in history if (path, result) not in latest],
        glyphs=GLYPHS,
    )


def standalone(drawn: str) -> str:
    """A picture of a page as a file of its own: light colours, and the name space that a file needs."""
    drawn = str(drawn)  # of Markup, replace() would escape
    for role, (light, _) in ROLES.items():
        drawn = drawn.replace(f"var(--{role})", light)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    width, height = box.groups() if box else ("648", "200")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    drawn = drawn.replace("<svg ", head, 1)
    return re.sub(r"(<title>.*?</title>)", rf"\1{ground}", drawn, count=1) + "\n"


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
