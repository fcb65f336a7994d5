"""The notebook in docs/results: a page a lever, an index that says what to pull first, a heat map.

Everything in it comes from result files; `lab guide` writes it anew, so that no figure is typed by hand.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from markupsafe import Markup

from lab.experiments.preparation import ELSEWHERE
from lab.experiments.result import KEPT, PullResult, results_of, without_words
from lab.report import pull, pull_charts, scaling
from lab.report.advice import advice, size
from lab.report.apart import apart
from lab.report.head import head, prediction
from lab.report.hops import hops
from lab.report.kills import kills
from lab.report.lever_page import lever_page
from lab.report.load_words import OPERATIONS
from lab.report.opening import opening
from lab.report.resolved import resolved
from lab.report.signs import LEGEND, signs
from lab.report.standing import Found, firm, latest_of, pairs, ranked
from lab.report.style import render
from lab.report.style.palette import ROLES
from lab.verdict import Verdict
from lab.verdict_words import GLYPHS, change
from levers.catalogue import catalogue, lever_named
from levers.lever import Lever
from levers.metrics import METRICS

FOLDER = KEPT.parent
OWN = ("README.md", "claims.md")
EXAMPLE = "pull.html"  # one pull as its own page, for who has not run any yet
EXAMPLE_LEVER = "event_loop"


def write(folder: Path = FOLDER, results: Sequence[Found] | None = None) -> list[Path]:
    """Write index, heat map, pages and figures; returns what was written.

    All are drawn before the first is written, so that whoever stops it keeps the old pages whole.
    """
    for path in folder.glob("pulls/*.json"):
        without_words(path)
    found = list(results_of(folders=[folder / "pulls"]) if results is None else results)
    latest = sorted(latest_of(found), key=lambda one: (-size(one[1]), one[1].lever))
    sweeps, capacities = scaling.sweeps_of(folder / "sweeps"), scaling.capacities_of(folder / "capacity")
    texts = {
        folder / "README.md": index(latest, others(folder), sweeps, capacities),
        folder / "index.html": heat_map(latest, found),
    }
    if example := example_of(latest):
        texts[folder / EXAMPLE] = pull.html(example)
    for path, sweep in sweeps:
        texts[folder / "figures" / f"{path.stem}.svg"] = standalone(scaling.drawn(sweep))
    for name in sorted({result.lever for _, result in latest} | {sweep["lever"] for _, sweep in sweeps}):
        own = [one for one in latest if one[1].lever == name]
        for path, result in own:
            drawn = pull.intervals(result)
            if drawn:
                texts[folder / "figures" / f"{path.stem}.svg"] = standalone(drawn)
        besides = scaling.on_lever(name, sweeps) + kills(name, folder / "faults.md")
        swept = {value for _, sweep in sweeps if sweep["lever"] == name for value in sweep["values"]}
        texts[folder / "levers" / f"{name}.md"] = lever_page(name, own, besides, swept)
    old = set((folder / "levers").glob("*"))
    for name in catalogue():  # other pages keep figures there as well
        old |= set((folder / "figures").glob(f"{name}.*.svg"))
    for path in old - set(texts):
        path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(texts)


def index(
    latest: Sequence[Found],
    besides: Sequence[str] = (),
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
        *([f"What `lab pull` draws of one: [{EXAMPLE}]({EXAMPLE}).", ""] if example_of(latest) else []),
        *head(latest),
        *opening(latest),
        "## What to pull first",
        "",
        "By the effect on the metric that was named before the run, with its 95 % interval; in the second",
        "brackets the medians, and the median difference. Ratios are ranked among their like: CPU, waiting,",
        "frames and bytes. What has fewer than 12 pairs, or was measured beside other programs, or by code",
        "that was not committed, is ranked apart.",
        *_not_ranked(latest),
        "",
        *advice(ranked(latest)),
        *hops(latest),
        *scaling.section(sweeps, capacities),
        "## All results",
        "",
        "| lever | A, B | each second | metric | change (95 %) | pairs | verdict | predicted |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(path, result, latest) for path, result in latest),
        "",
        "▲ better, ▼ worse, = same within the margin, ? no difference shown, ✗ invalid: nothing is claimed.",
        *LEGEND,
        "",
        "## What the designs resolve on this machine",
        "",
        "Half the width of the 95 % interval that twelve pairs would have, from A against A of the results",
        "above: of a smaller change nothing can be said. The part is what a duet doubles.",
        "",
        *resolved(latest),
        "",
        "## Not pulled yet",
        "",
        *(
            _not_run({result.lever for _, result in latest} | {one["lever"] for _, one in sweeps})
            or ["Every lever of the catalogue has a result."]
        ),
        "",
        *(["## Not levers", "", *(f"- {link}" for link in besides), ""] if besides else []),
        "`lab guide` writes this page from the result files in [pulls](pulls); nothing is typed by hand.",
    ]
    return "\n".join(lines) + "\n"


def example_of(latest: Sequence[Found]) -> PullResult | None:
    """The pull whose page is kept: of the lever that everybody knows, if it stands firmly, or the firmest."""
    found = [one for _, one in latest if one.primary.decided]
    return min(found, key=lambda one: (not firm(one), one.lever != EXAMPLE_LEVER), default=None)


def _not_ranked(latest: Sequence[Found]) -> list[str]:
    """How many are left to the table, since a quiet session answered the same."""
    left = len(latest) - len(ranked(latest))
    return [f"{left} from a busy machine are in the table only: quiet ones answer the same."] if left else []


def others(folder: Path) -> list[str]:
    """Links to the pages in the folder that no pull made (faults, seeding ...), and to their pictures."""
    found = []
    for path in sorted(folder.glob("*.md")):
        title = path.read_text().partition("\n")[0].lstrip("# ")
        if path.name not in OWN:
            drawn = path.with_suffix(".html")
            pictures = f" ([drawn]({drawn.name}))" if drawn.exists() else ""
            found.append(f"[{title}]({path.name}){pictures}")
    return found


def _row(path: Path, result: PullResult, latest: Sequence[Found]) -> str:
    verdict = result.primary
    a, b = result.values
    load = f"{result.plan['rate']:g} {OPERATIONS[result.plan['mix']].rstrip(',')}"
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{a}`, `{b}`{apart(result, latest)} | {load} "
        f"| {result.label(verdict.metric)}{_other_metric(result)} | {_interval(verdict)} "
        f"| {pairs(result)} | {GLYPHS[verdict.word]} [{verdict.word}](pulls/{path.name}){signs(result)} "
        f"| {prediction(result)} |"
    )


def _other_metric(result: PullResult) -> str:
    """Said where the pull was about something else than the lever is."""
    own = lever_named(result.lever).metric
    return "" if result.plan["metric"] == own else f" (the lever's own: {METRICS[own].label})"


def _interval(verdict: Verdict) -> str:
    return change(verdict.effect) if verdict.effect else "-"


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
        name = f"{result.lever}: {result.values[0]} > {result.values[1]}{apart(result, latest)}"
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
