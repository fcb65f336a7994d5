"""What each hop of a message costs, in CPU of every process for 1,000 messages. Words only, no files."""

import statistics
from collections.abc import Sequence

from lab.experiments.plan import plan_from
from lab.experiments.result import PullResult
from lab.notebook.apart import apart
from lab.notebook.signs import client_of_then
from lab.notebook.standing import Found, conditions_of, others_used
from lab.report.style.page import figures
from lab.trials.observation import pairs_of
from lab.verdict_words import change
from levers.catalogue import lever_named

METRIC = "cpu_per_1k_total"
# Levers that lead from one process to the next: their CPU is the price of a hop.
HOPS = (
    "run_mode",
    "broker",
    "delivery",
    "routing",
    "app_transport",
    "database_transport",
    "encoding",
    "payload",
)
HEAD = [
    "## The price of each hop",
    "",
    "CPU for 1,000 messages sent and pushed, in ms: of every process of the stack (*all*), or in a duet,",
    "where both sides are in one stack, of an API process and PostgreSQL's work for it (*API*). Rows of the",
    "one cannot be set against rows of the other. The difference is the median of the rounds' own; where no",
    "difference was shown, none is given. [Prices](prices.md) has whole stacks beside each other, with",
    "RabbitMQ and two websocket services: other set-ups, and other figures. ‡: over RabbitMQ with the client",
    "aio-pika, the default then: a row without it, of `lean` or of no RabbitMQ, is no measure for it.",
    "",
    "**Milliseconds of two rows cannot be compared**, nor added up: they are of two sessions, with other",
    "programs beside them or without, and the same settings cost other absolute figures each time{spread}.",
    "Within a row both sides are of the same minutes.",
    "",
    "| lever | from, to | each second | counted | from | to | difference | change (95 %) | verdict "
    "| other programs, cores (median trial) |",
    "|---|---|---|---|---|---|---|---|---|---|",
]


def hops(latest: Sequence[Found], found: Sequence[Found] = ()) -> list[str]:
    """A table in the order of a message's way; nothing where no hop was measured. `found`: all results."""
    rows = [
        (HOPS.index(result.lever), row)
        for _, result in latest
        if result.lever in HOPS and (row := _row(result, latest))
    ]
    if not rows:
        return []
    spread = _spread(found or latest)
    return [*(line.format(spread=spread) for line in HEAD), *(row for _, row in sorted(rows)), ""]


def _spread(found: Sequence[Found]) -> str:
    """How far figures of the same settings and load went apart over the sessions, of the widest group."""
    groups: dict[tuple[object, ...], list[float]] = {}
    for _, one in found:
        load = (one.plan["mode"], one.plan["rate"], *conditions_of(one))
        if own := _by_default(one):
            groups.setdefault(load, []).append(statistics.median(own))
    widest = max(groups.values(), key=len, default=[])
    if len(widest) < 2:
        return ""
    sessions = f"{len(widest)} sessions at default settings"
    return f" (*API* in {sessions} and one rate: {min(widest):,.0f} to {max(widest):,.0f})"


def _by_default(result: PullResult) -> list[float]:
    """The figures of the side whose settings are all at their defaults, of a duet of API processes."""
    lever = lever_named(result.lever)
    held = plan_from(result.plan).held or lever.extra_env
    usual = result.values[0] == lever.default and not held
    duet = result.plan["design"] == "duet" and result.plan["part"] == "backend"
    return [pair.a for pair in pairs_of(result.observations, METRIC)] if usual and duet else []


def _row(result: PullResult, latest: Sequence[Found]) -> str:
    verdict = next((one for one in result.verdicts if one.metric == METRIC), None)
    if verdict is None or verdict.effect is None:
        return ""
    found = pairs_of(result.observations, METRIC)
    a, b = (statistics.median(side) for side in ([p.a for p in found], [p.b for p in found]))
    # Of each round: the medians of the sides may be of different rounds, and differ the other way.
    moved = f"{statistics.median(p.b - p.a for p in found):+.0f}"
    return (
        f"| [{result.lever}](levers/{result.lever}.md) | `{result.values[0]}` to `{result.values[1]}`"
        f"{apart(result, latest)} "
        f"| {result.plan['rate']:g} | {'API' if result.plan['design'] == 'duet' else 'all'} "
        f"| {figures(a)} | {figures(b)} | {'-' if verdict.word == 'no difference shown' else moved} "
        f"| {change(verdict.effect)} | {verdict.word}{' ‡' if client_of_then(result) else ''} "
        f"| {others_used(result):.2f} |"
    )
