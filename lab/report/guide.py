"""The notebook in docs/results: a page a lever, an index that says what to pull first, a heat map.

Everything in it comes from result files; `lab guide` writes it anew, so that no figure is typed by hand.
"""

import re
import shutil
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.experiments.result import KEPT, PullResult, results_of
from lab.report import pull, pull_charts
from lab.report.style import render
from lab.report.style.palette import ROLES
from lab.statistics import log_ratios, resolution
from lab.trials.observation import floor_pairs_of
from lab.verdict import GLYPHS, Verdict, percent, prediction_came_true
from levers.catalogue import catalogue, lever_named, page, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS

FOLDER = KEPT.parent
PAIRS = 12
OWN = ("README.md", "claims.md")
Found = tuple[Path, PullResult]


def write(folder: Path = FOLDER, results: Sequence[Found] | None = None) -> list[Path]:
    """Write index, heat map, pages and figures; returns what was written."""
    found = list(results_of(folders=[folder / "pulls"]) if results is None else results)
    latest = latest_of(found)
    for name in ("levers", "figures"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    written = [
        _text(folder / "README.md", index(latest, others(folder))),
        _text(folder / "index.html", heat_map(latest)),
    ]
    for name in sorted({result.lever for _, result in latest}):
        own = [one for one in latest if one[1].lever == name]
        for path, result in own:
            drawn = pull.drawings(result)["intervals"]
            if drawn:
                written.append(_text(folder / "figures" / f"{path.stem}.svg", standalone(drawn)))
        written.append(_text(folder / "levers" / f"{name}.md", lever_page(name, own)))
    return written


def latest_of(found: Sequence[Found]) -> list[Found]:
    """The newest result of each question (lever, values, mode, design), the largest effect first."""
    newest = {
        (one.lever, one.values, one.plan["mode"], one.plan["design"]): (path, one) for path, one in found
    }
    return sorted(newest.values(), key=lambda one: (-size(one[1]), one[1].lever))


def size(result: PullResult) -> float:
    """How much the primary metric moved, as a factor above 1; 0 when nothing is claimed."""
    verdict = result.primary
    if verdict.effect is None or verdict.word in ("INVALID", "no difference shown"):
        return 0.0
    return max(verdict.effect.ratio, 1 / verdict.effect.ratio)


def index(latest: Sequence[Found], besides: Sequence[tuple[str, str]] = ()) -> str:
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
        "## What to pull first",
        "",
        "By the size of the effect on the metric that was named before the run. A better figure may be paid",
        "with another one or with a guarantee; each line says so.",
        "",
        *_advice(latest),
        "",
        "## All results",
        "",
        "| lever | A, B | metric | change (95 %) | verdict | predicted |",
        "|---|---|---|---|---|---|",
        *(_row(path, result) for path, result in latest),
        "",
        "▲ better, ▼ worse, = same within the margin, ? no difference shown, ✗ invalid: nothing is claimed.",
        "",
        "## What the designs resolve on this machine",
        "",
        "Half the width of the 95 % interval that twelve pairs would have, from A against A of the results",
        "above (median over the sessions): a smaller change than this cannot be seen.",
        "",
        *_resolved(latest),
        "",
        "## Not run yet",
        "",
        *_not_run(latest),
        "",
        *(["## Not levers", "", *(f"- [{title}]({name})" for name, title in besides), ""] if besides else []),
        "`lab guide` writes this page from the result files in [pulls](pulls); nothing is typed by hand.",
    ]
    return "\n".join(lines) + "\n"


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
    return ["Measured on " + "; ".join(machines) + ".", ""]


def _machine(fingerprint: Mapping[str, Any]) -> str:
    memory = int(fingerprint.get("memory_bytes") or 0) / 2**30
    return (
        f"{fingerprint.get('cores')} cores of {fingerprint.get('cpu')}, {memory:.0f} GiB, "
        f"{fingerprint.get('system')}, Python {fingerprint.get('python')}"
    )


def _advice(latest: Sequence[Found]) -> list[str]:
    """Decided levers in the order of what they change; then those that change nothing."""
    moved = [(path, one) for path, one in latest if size(one) > 0 and one.primary.word in ("better", "worse")]
    same = [one for _, one in latest if one.primary.word == "same within the margin"]
    lines = []
    for number, (_, result) in enumerate(moved, 1):
        verdict = result.primary
        assert verdict.effect is not None
        keep, other = result.values if verdict.word == "worse" else result.values[::-1]
        label = METRICS[verdict.metric].label
        lines.append(
            f"{number}. **[{result.lever}](levers/{result.lever}.md)**: `{keep}` is ahead of `{other}`. "
            f"{label} {percent(verdict.effect.ratio)} from `{result.values[0]}` to `{result.values[1]}`."
            f"{_against(result)}{_price(result)}"
        )
    if same:
        lines += ["", "Leave alone, here they change nothing that matters:"]
        lines += [
            f"- [{one.lever}](levers/{one.lever}.md): {one.values[0]} or {one.values[1]}, "
            f"{METRICS[one.primary.metric].label} within {one.primary.margin or 0:.1%}"
            for one in same
        ]
    return lines or ["Nothing was decided yet."]


def _against(result: PullResult) -> str:
    """Other metrics that went the other way: what the better figure is paid with."""
    opposite = {"better": "worse", "worse": "better"}[result.primary.word]
    found = [
        f"{METRICS[one.metric].label} {percent(one.effect.ratio)}"
        for one in result.verdicts[1:]
        if one.word == opposite and one.effect
    ]
    return f" Against it: {', '.join(found)}." if found else ""


def _price(result: PullResult) -> str:
    """What the page says about the value that is not the default: guarantees are in no figure."""
    lever = lever_named(result.lever)
    other = next(value for value in reversed(result.values) if value != lever.default)
    text = paragraphs(page(result.lever)).get(other, "")
    return f" About `{other}`: {text[:1].lower()}{text[1:]}" if text else ""


def _row(path: Path, result: PullResult) -> str:
    verdict = result.primary
    a, b = result.values
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{a}`, `{b}` | {METRICS[verdict.metric].label} "
        f"| {_interval(verdict)} | {GLYPHS[verdict.word]} [{verdict.word}](pulls/{path.name}) "
        f"| {_prediction(result)} |"
    )


def _interval(verdict: Verdict) -> str:
    if verdict.effect is None:
        return "-"
    effect = verdict.effect
    return f"{percent(effect.ratio)} ({percent(effect.low)} to {percent(effect.high)})"


def _prediction(result: PullResult) -> str:
    if not result.prediction:
        return "-"
    words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
    return f"{result.prediction}: {words.partition(':')[0]}"


def _resolved(latest: Sequence[Found]) -> list[str]:
    """A table: design x metric, from the A/A pairs of every session."""
    found: dict[tuple[str, str], list[float]] = {}
    for _, result in latest:
        for verdict in result.verdicts:
            twins = floor_pairs_of(result.observations, verdict.metric)
            if verdict.effect and len(twins) >= PAIRS:
                ratios = log_ratios([pair.a for pair in twins], [pair.b for pair in twins])
                found.setdefault((result.plan["design"], METRICS[verdict.metric].label), []).append(
                    resolution(ratios, PAIRS)
                )
    if not found:
        return ["No session is long enough yet."]
    lines = ["| design | metric | resolves | sessions |", "|---|---|---|---|"]
    lines += [
        f"| {design} | {label} | {statistics.median(values):.1%} | {len(values)} |"
        for (design, label), values in sorted(found.items())
    ]
    return lines


def _not_run(latest: Sequence[Found]) -> list[str]:
    run = {result.lever for _, result in latest}
    return [
        f"- {name}: {lever.question} `lab pull {name}`"
        for name, lever in catalogue().items()
        if name not in run
    ]


def lever_page(name: str, own: Sequence[Found]) -> str:
    """What a lever is, and what pulling it gave."""
    lever = lever_named(name)
    told = paragraphs(page(name))
    lines = [f"# {name}", "", told["question"], "", told.get("Problem", ""), ""]
    for path, result in own:
        lines += _told(path, result, lever)
    lines += [
        "## When it would be different",
        "",
        f"{told.get('Different when', '')} The comparison would be dishonest if {lever.dishonest_if}.",
        "",
        f"Said where the lever comes from ({', '.join(lever.sources)}): “{lever.claim}”.",
        "",
        "[All results](../README.md)",
    ]
    return "\n".join(lines) + "\n"


def _told(path: Path, result: PullResult, lever: Lever) -> list[str]:
    verdict = result.primary
    lines = [
        f"## {result.values[0]} or {result.values[1]}{_otherwise(result, lever)}",
        "",
        f"**{GLYPHS[verdict.word]} {verdict.word}.** {verdict.sentence}",
        "",
    ]
    if verdict.effect:
        lines += [f"![Change of each metric with its interval](../figures/{path.stem}.svg)", ""]
    lines += [f"- {one.sentence}" for one in result.verdicts[1:]]
    lines += ["", *(f"{caveat.name}: {caveat}" for caveat in verdict.caveats)]
    lines += [
        "",
        f"{_meaning(result, lever)} {result.plan['rate']:g}/s, {result.plan['design']}, mode "
        f"{result.plan['mode']}, {result.day}, {result.seconds / 60:.1f} minutes, "
        f"commit {result.fingerprint.get('commit') or 'unknown'}.",
        "",
        f"```\n{result.command}\n```",
        "",
        f"[The figures](../pulls/{path.name}); `lab report docs/results/pulls/{path.name}` draws the page.",
        "",
    ]
    return [re.sub(r"\n{3,}", "\n\n", line) for line in lines]


def _otherwise(result: PullResult, lever: Lever) -> str:
    """What sets this result apart from the lever's own design."""
    return f", by {result.plan['design']}" if result.plan["design"] != lever.design else ""


def _meaning(result: PullResult, lever: Lever) -> str:
    """What to make of it, from what was expected and what came."""
    word, effect = result.primary.word, result.primary.effect
    if effect is None:
        return "Nothing may be concluded from it."
    if word == "no difference shown":
        return "Neither a difference nor sameness was shown: longer trials or a quieter machine are needed."
    moved = "up" if effect.ratio > 1 else "down"
    if word == "same within the margin":
        return f"Expected was {_expected(lever)}; here it does not matter."
    if lever.expected == moved:
        return f"As expected: {lever.because}."
    return f"Expected was {_expected(lever)} ({lever.because}); it went {moved}."


def _expected(lever: Lever) -> str:
    return (
        "a move, either way"
        if lever.expected == "either"
        else f"{METRICS[lever.metric].label} {lever.expected}"
    )


def heat_map(latest: Sequence[Found]) -> str:
    """index.html: levers x metrics."""
    cells: dict[tuple[str, str], tuple[float, str]] = {}
    names = []
    for _, result in latest:
        name = f"{result.lever}: {result.values[0]} > {result.values[1]}"
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
