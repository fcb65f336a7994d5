"""evidence.md: every result, what takes from it, what the designs resolve, and what nobody asked yet."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from lab.experiments.preparation import ELSEWHERE
from lab.experiments.result import PullResult
from lab.notebook import scaling
from lab.notebook.apart import apart
from lab.notebook.beside_abab import beside_abab
from lab.notebook.head import head
from lab.notebook.hops import hops
from lab.notebook.hot_path import shares
from lab.notebook.lever_page import never_pulled
from lab.notebook.load_point import cell, provisos
from lab.notebook.predictions import prediction
from lab.notebook.resolved import bonds, resolved
from lab.notebook.sessions import another_session
from lab.notebook.signs import LEGEND, signs
from lab.notebook.standing import Found, pairs
from lab.report.load_words import OPERATIONS
from lab.verdict import Verdict
from lab.verdict_words import GLYPHS, change
from levers.catalogue import catalogue, lever_named
from levers.lever import Lever
from levers.metrics import METRICS


def evidence(
    latest: Sequence[Found],
    found: Sequence[Found] = (),
    sweeps: Sequence[scaling.SweptFile] = (),
    capacities: Sequence[scaling.Searched] = (),
) -> str:
    """The whole page. `latest` are shown; `found`, all results, say what was asked before."""
    lines = [
        "# Evidence",
        "",
        "What stands behind [the guide](README.md). `lab guide` writes it from the result files in",
        "[pulls](pulls), [capacity](capacity) and [sweeps](sweeps); no figure is typed by hand.",
        "",
        *head(latest, found),
        *_results(latest, found, capacities),
        *_designs(latest),
        *([told, ""] if (told := bonds(found)) else []),
        *beside_abab(latest),
        *another_session(found),
        *hops(latest, found),
        *scaling.section(sweeps, capacities),
        *_missing(latest, sweeps),
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _results(
    latest: Sequence[Found], found: Sequence[Found], capacities: Sequence[scaling.Searched]
) -> list[str]:
    return [
        "## All results",
        "",
        *provisos(latest, capacities),
        *([shares(latest, "levers/")] if latest else []),
        "",
        "| lever | A, B | each second | of capacity | metric | change (95 %) | pairs | verdict | predicted |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(path, result, latest, found, capacities) for path, result in latest),
        "",
        "▲ better, ▼ worse, = same within the margin, ? no difference shown, ✗ invalid: nothing is claimed.",
        "Of capacity: the rate as a part of what its mode carries with default settings under the same load,",
        "as far as that was searched; *: of what the slower side carried alone, in a search of the pull's",
        "own. (repeat): the answer was known from an earlier pull.",
        *LEGEND,
        "",
    ]


def _designs(latest: Sequence[Found]) -> list[str]:
    return [
        "## What the designs resolve on this machine",
        "",
        "From A against A of the results above. *Half width*: of the 95 % interval that twelve pairs would",
        "have. A larger change is seen, which is no verdict yet: for one the whole interval has to lie",
        "beyond the margin, the larger of 2 % and F, the far end of A against A. So the smallest change",
        "that gets one is about margin and half width together (*a verdict from about*, the median of the",
        "sessions). The part is what a duet doubles.",
        "",
        *resolved(latest),
        "",
    ]


def _missing(latest: Sequence[Found], sweeps: Sequence[scaling.SweptFile]) -> list[str]:
    """Levers without any result, each with the command, and values that were never pulled."""
    known = {result.lever for _, result in latest} | {sweep["lever"] for _, sweep in sweeps}
    values = _values_missing(latest, sweeps, known)
    return [
        "## Not pulled yet",
        "",
        *(_not_run(known) or ["No lever is without any result or sweep."]),
        "",
        *([f"Values of the others that were never pulled: {'; '.join(values)}."] if values else []),
        "",
    ]


def _values_missing(
    latest: Sequence[Found], sweeps: Sequence[scaling.SweptFile], known: Collection[str]
) -> list[str]:
    found = []
    for name in sorted(known):
        swept = {value for _, sweep in sweeps if sweep["lever"] == name for value in sweep["values"]}
        if missing := never_pulled(lever_named(name), latest, swept):
            found.append(f"[{name}](levers/{name}.md) {', '.join(f'`{one}`' for one in missing)}")
    return found


def _row(
    path: Path,
    result: PullResult,
    latest: Sequence[Found],
    found: Sequence[Found],
    capacities: Sequence[scaling.Searched],
) -> str:
    verdict = result.primary
    a, b = result.values
    load = f"{result.plan['rate']:,g} {OPERATIONS[result.plan['mix']].rstrip(',')}"
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{a}`, `{b}`{apart(result, latest)} | {load} "
        f"| {cell(result, capacities)} | {result.label(verdict.metric)}{_other_metric(result)} "
        f"| {_interval(verdict)} | {pairs(result)} "
        f"| {GLYPHS[verdict.word]} [{verdict.word}](pulls/{path.name}){signs(result)} "
        f"| {prediction(result, found)} |"
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
