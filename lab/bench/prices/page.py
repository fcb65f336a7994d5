"""docs/results/prices.md and .json: a table a group, each way beside the plain one of the same round."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

from lab.bench import pages
from lab.bench.prices.run import KINDS, Prices, Turn
from lab.bench.prices.ways import BALANCE, GROUPS, Way

WORDS = {"backend": "API", "single": "single process", "haproxy": "HAProxy", "rabbitmq": "RabbitMQ"}
WORDS |= {"postgres": "PostgreSQL"}


def write(found: Prices, file: Path) -> list[Path]:
    """The result, and the page beside it."""
    return pages.write(found, markdown(found), file)


def _row(found: Prices, name: str, way: Way, plain: Way) -> str:
    turns = found.of(way)
    if not turns:
        return f"| {name} | does not count: {'; '.join(_reasons(found, way))} |"

    def middle(figure: Callable[[Turn], float]) -> str:
        return f"{median(figure(turn) for turn in turns):,.1f}"

    ratios = found.ratios(way, plain, lambda turn: turn.total_ms)
    against = "1" if way == plain else pages.span(ratios, 2) if ratios else "-"
    cells = [
        name,
        *(f"{median(turn.cpu_ms.get(kind, 0.0) for turn in turns):,.0f}" for kind in _kinds(found)),
        f"{median(turn.total_ms for turn in turns):,.0f}",
        against,
        middle(lambda turn: turn.answer_p50 * 1000),
        middle(lambda turn: turn.answer_p99 * 1000),
        middle(lambda turn: turn.delivery_p50 * 1000),
        middle(lambda turn: turn.delivery_p99 * 1000),
        _told(median(turn.hints_a_publish for turn in turns)),
        str(len(turns)),
    ]
    return f"| {' | '.join(cells)} |"


def _told(hints: float) -> str:
    return f"{hints:.2f}" if hints else "-"


def _reasons(found: Prices, way: Way) -> list[str]:
    return sorted({reason for turn in found.turns if turn.way == way.key for reason in turn.invalid})


def _kinds(found: Prices) -> list[str]:
    used = {kind for turn in found.turns for kind in turn.cpu_ms}
    return [*(kind for kind in KINDS if kind in used), *sorted(used - set(KINDS))]


def table(found: Prices, group: str) -> list[str]:
    """Lines of Markdown."""
    ways, asked = GROUPS[group], {turn.way for turn in found.turns}
    plain = next(iter(ways.values()))
    kinds = _kinds(found)
    head = ["", *(WORDS.get(kind, kind) for kind in kinds), "all", f"all, x {next(iter(ways))}"]
    head += ["answer p50", "p99", "delivery p50", "p99", "hints a publish", "rounds"]
    return [
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(_row(found, name, way, plain) for name, way in ways.items() if way.key in asked),
    ]


def _which(found: Prices) -> str:
    return "" if set(found.groups) == set(GROUPS) else ": " + ", ".join(found.groups).lower()


def _fewest(found: Prices) -> int:
    return min((turn.messages for turn in found.turns if not turn.invalid), default=0)


def _none(found: Prices) -> str:
    """Which ratios say nothing, by the twin of the row that all are ratios of; '' where it had no turn."""
    plain, twin = list(next(iter(GROUPS.values())).values())[:2]
    ratios = found.ratios(twin, plain, lambda turn: turn.total_ms)
    if not ratios:
        return ""
    least = min(min(one, 1 / one) for one in ratios)
    return f": here what lies between {least:.2f} and {1 / least:.2f}"


def markdown(found: Prices) -> str:
    """The page."""
    lines = [
        "# The price of each hop and guarantee" + _which(found),
        "",
        "Made by `lab bench prices`; do not edit. Every row is a stack of its own, started for it; the rows",
        f"take turns in another order each round, at {found.rate:g} messages a second, stored and sent to",
        f"two of {found.sockets} devices. CPU is in ms per 1,000 messages, by kind of process (the lab's own",
        "are left out); times in ms, from the intended send; medians of the rounds, ratios with (smallest ..",
        "largest) of pairs in one round. Every ledger was clean. A batch is what this one rate makes of it:",
        "near the limit hints share messages and cost less ([what a hint costs](broker.md)). The proxy has",
        f"BALANCE={BALANCE} where a row names no other; a turn that counts had {_fewest(found):,} messages",
        "or more. *The same once more* is another stack with the settings of the first row: a difference",
        f"that is not larger than its is none{_none(found)}. What is promised for it:",
        "[delivery](../delivery.md).",
        "",
    ]
    for group in found.groups:
        lines += [f"## {group}", "", *table(found, group), ""]
    left_out = sum(bool(turn.invalid) for turn in found.turns)
    lines.append(
        f"{pages.made_by(found.command, found.started_at, found.machine, found.waited)};"
        f" {left_out} of {len(found.turns)} turns were INVALID and are left out."
    )
    return "\n".join(lines) + "\n"
