"""The same question asked as a duet and with a stack for each side, counted alike."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.signs import signs
from lab.notebook.standing import Found, conditions_of, elsewhere, firm
from lab.report.load_words import OPERATION, short_rate_of
from lab.statistics import Effect, effect_of, log_ratios
from lab.trials.observation import Observation, by_round
from lab.verdict import LOOKS
from lab.verdict_words import change

PART = "backend"
# As lab/experiments/trial.py lists them: of a duet without a number (`backend`), of a stack with it
# (`backend-1`), each also with what PostgreSQL did for its connections (`postgres for backend-1`).
COUNTED = re.compile(rf"(?:postgres for )?{PART}(?:-\d+)?")
SECTION = [
    "## A duet beside ABAB",
    "",
    "The same question asked as a duet, whose sides share one stack, and with a stack for each side (ABAB).",
    "Both are counted alike here, whatever decided the pull: CPU of the API and of PostgreSQL for the API's",
    "connections, without any other process and without what PostgreSQL does for no connection. Of each",
    "round the ratio B / A, and of 12 rounds or more their median with its 95 % interval. *A*: the median of",
    "A itself. Three processes share the rate of a duet: its µs are those of a process with a third of the",
    "rate, so that the µs of the designs differ where the ratios agree. ◊: the two are of different",
    "machines. Other signs as in [all results](#all-results).",
    "",
    "| lever | A, B | each second | duet | ABAB | intervals | A: duet, ABAB |",
    "|---|---|---|---|---|---|---|",
]


def beside_abab(latest: Sequence[Found]) -> list[str]:
    """The section; nothing where no question was asked both ways."""
    found = rows(latest)
    return [*SECTION, *found, ""] if found else []


def rows(latest: Sequence[Found]) -> list[str]:
    """A row of the table for each question of which both designs have enough pairs."""
    return [_row(duet, abab) for duet, abab in both_ways(latest)]


def both_ways(latest: Sequence[Found]) -> list[tuple[Found, Found]]:
    """(duet, ABAB) of each question: those at one rate where there are such, then firm ones, the newest."""
    asked: dict[tuple[object, ...], dict[str, list[Found]]] = {}
    for path, one in latest:
        if one.plan["part"] == PART and one.primary.word != "INVALID" and len(_rounds(one)) >= LOOKS[0]:
            asked.setdefault(_question(one), {}).setdefault(one.plan["design"], []).append((path, one))
    return [
        max(((duet, abab) for duet in designs["duet"] for abab in designs["abab"]), key=_preference)
        for _, designs in sorted(asked.items())
        if {"duet", "abab"} <= set(designs)
    ]


def _preference(pair: tuple[Found, Found]) -> tuple[bool, bool, bool, bool, float, float]:
    (_, duet), (_, abab) = pair
    return (
        _one_rate(*pair),
        not elsewhere(duet, abab),
        firm(duet),
        firm(abab),
        duet.started_at,
        abab.started_at,
    )


def _question(result: PullResult) -> tuple[object, ...]:
    """What was asked and under which load, but for rate, design and the metric that decided."""
    plan = plan_from(result.plan)
    return (plan.lever, plan.values, plan.mode, *conditions_of(result))


def _one_rate(duet: Found, abab: Found) -> bool:
    return bool(duet[1].plan["rate"] == abab[1].plan["rate"])


def spent(observation: Observation) -> float | None:
    """CPU of the API and of PostgreSQL for it, in ms for 1,000 operations of its side; None where unknown."""
    cpu: Mapping[str, Any] = observation.detail.get("cpu", {})
    own = {name: float(value) for name, value in cpu.items() if COUNTED.fullmatch(name)}
    return sum(own.values()) if any("postgres" in name for name in own) else None


def _rounds(result: PullResult) -> list[tuple[float, float]]:
    """(A, B) of each complete round of which both are known."""
    found = []
    for sides in by_round(result.observations).values():
        a, b = spent(sides["a"]), spent(sides["b"])
        if a and b:
            found.append((a, b))
    return found


def effect(result: PullResult) -> Effect:
    """B against A in CPU of the API and of PostgreSQL for it."""
    a, b = zip(*_rounds(result), strict=True)
    return effect_of(log_ratios(a, b))


def _row(duet: Found, abab: Found) -> str:
    result = duet[1]
    a, b = result.values
    effects = [effect(one) for _, one in (duet, abab)]
    rates = [short_rate_of(one) for _, one in (duet, abab)]
    rate = rates[0] if _one_rate(duet, abab) else f"duet {rates[0]}; ABAB {rates[1]}"
    cells = [_cell(path, one, its) for (path, one), its in zip((duet, abab), effects, strict=True)]
    apart = max(one.low for one in effects) > min(one.high for one in effects)
    micros = ", ".join(f"{median(figure for figure, _ in _rounds(one)):,.0f}" for _, one in (duet, abab))
    cells[1] += elsewhere(result, abab[1])
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{a}`, `{b}` | {rate} | {' | '.join(cells)} "
        f"| {'do not overlap' if apart else 'overlap'} | {micros} µs {OPERATION[result.plan['mix']]} |"
    )


def _cell(path: Path, result: PullResult, its: Effect) -> str:
    return f"[{change(its)}](pulls/{path.name}), {its.pairs} pairs{signs(result)}"
