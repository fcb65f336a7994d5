"""The result file, and the page in docs/results."""

import math
from dataclasses import asdict
from pathlib import Path
from statistics import median

import msgspec

from lab.bench.citus.contenders import CELLS, CONTENDERS, GATHERED, PLAIN
from lab.bench.citus.explaining import EXPLAINED
from lab.bench.citus.making import DIALOGS, MESSAGES
from lab.bench.citus.run import CONNECTIONS, CitusResult
from lab.bench.citus.words import INBOX, WHEN_IT_PAYS
from lab.load.record import Machine
from lab.statistics import effect_of, log_ratios

SHARDED = "2 workers 32 shards"  # as the lab starts it


def save(result: CitusResult, path: Path) -> None:
    """Write the result file, and its page beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(asdict(result)), indent=1) + b"\n")
    path.with_suffix(".md").write_text(page(result, path.name))


def table(result: CitusResult, cell: str) -> list[tuple[str, ...]]:
    """Rows of one cell: contender, per second, as a multiple of plain, CPU, latencies, errors."""
    rows: list[tuple[str, ...]] = []
    for contender in CONTENDERS:
        rate = result.middle(contender.name, cell, lambda one: one.answered / one.seconds)
        if rate is None:
            continue
        cpu = result.middle(contender.name, cell, lambda one: one.cpu_seconds / max(1, one.answered))
        p50 = result.middle(contender.name, cell, lambda one: one.p50_seconds)
        p99 = result.middle(contender.name, cell, lambda one: one.p99_seconds)
        assert cpu is not None and p50 is not None and p99 is not None
        errors = sum(
            one.errors for one in result.cells if (one.contender, one.cell) == (contender.name, cell)
        )
        rows.append(
            (
                contender.name,
                f"{rate:,.0f}",
                _times_plain(result, contender.name, cell),
                f"{cpu * 1e6:,.0f}",
                f"{p50 * 1000:.1f}",
                f"{p99 * 1000:.1f}",
                str(errors),
            )
        )
    return rows


def _times_plain(result: CitusResult, contender: str, cell: str) -> str:
    def rates(name: str) -> list[float]:
        found = [one for one in result.cells if (one.contender, one.cell) == (name, cell)]
        return [max(1, one.answered) / one.seconds for one in sorted(found, key=lambda one: one.round)]

    if contender == PLAIN:
        return "1"
    if result.rounds < 5:
        return f"{median(rates(contender)) / median(rates(PLAIN)):.2f}"
    effect = effect_of(log_ratios(rates(PLAIN), rates(contender)))
    return f"{effect.ratio:.3f} ({effect.low:.3f} to {effect.high:.3f})"


def _cpu(result: CitusResult, contender: str, cell: str) -> float:
    """Server CPU of one statement, microseconds."""
    found = result.middle(contender, cell, lambda one: one.cpu_seconds / max(1, one.answered))
    assert found is not None
    return found * 1e6


def _when_it_pays(result: CitusResult) -> str:
    prices = {cell: _cpu(result, SHARDED, cell) / _cpu(result, PLAIN, cell) for cell in CELLS}
    gathered = _cpu(result, SHARDED, "send") / _cpu(result, GATHERED, "send")
    return WHEN_IT_PAYS.strip().format(
        sharded=SHARDED,
        connections=CONNECTIONS,
        gathered=gathered,
        enough=math.floor(max(gathered, prices["page"])) + 1,
        enough_each=math.floor(max(prices["send"], prices["page"])) + 1,
        **prices,
    )


def _inbox(result: CitusResult) -> str:
    lines = []
    for name in (PLAIN, SHARDED):
        more = _cpu(result, name, "send_inbox") - _cpu(result, name, "send")
        less = _cpu(result, name, "dialogs") - _cpu(result, name, "dialogs_inbox")
        from_ = f"it pays from {more / less:.2f} lists a send on" if less > 0 < more else "no price to weigh"
        lines.append(
            f"- {name}: a send costs {more:,.0f} us more, a list of dialogs {less:,.0f} us less: {from_}"
        )
    return INBOX.strip().format(prices="\n".join(lines))


def page(result: CitusResult, name: str) -> str:
    """The page in docs/results."""
    lines = [
        "# What sharding costs on one machine",
        "",
        f"`{result.command}` on {result.started_at[:10]}: PostgreSQL {result.versions['postgresql']},"
        f" Citus {result.versions['citus']}, {result.machine['cores']} cores of {result.machine['cpu']},"
        f" commit {msgspec.convert(result.machine, Machine).code}."
        f" {result.rounds} rounds in changing order, {result.seconds:g} s a turn, {CONNECTIONS} connections"
        f" straight to the database, {DIALOGS * MESSAGES:,} messages each. Figures: [{name}]({name}).",
        "",
        "Read it as a price list: all nodes share the same cores here, so that sharding can only cost.",
        "It adds a hop to another process for each statement and gives no further core in return.",
        "Rates are of whatever the machine had left: where their interval is wide, other work ran beside.",
        "The CPU column is the steady one, and what follows is drawn from it.",
        "",
        _when_it_pays(result),
        "",
        _inbox(result),
        "",
    ]
    for cell, words in CELLS.items():
        rows = table(result, cell)
        lines += [
            f"## {words[0].upper()}{words[1:]}",
            "",
            "| tables | per second | x plain (95 %) | server CPU, us each | p50 ms | p99 ms | errors |",
            "|---|---|---|---|---|---|---|",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
        ]
    lines += [
        "## Shards touched",
        "",
        "As EXPLAIN says of the statements that the services run, subplans counted too. 0: the asked node",
        "does all itself, as plain PostgreSQL does; a send of 1 is delegated to the node of its dialog.",
        "Refused: by id the outbox cannot be joined with its messages, and `DELIVERY=outbox` publishes no",
        "hint again.",
        "",
        "| tables | " + " | ".join(words for words, _ in EXPLAINED.values()) + " |",
        "|---" * (len(EXPLAINED) + 1) + "|",
        *(
            f"| {name} | " + " | ".join("refused" if n is None else str(n) for n in counts.values()) + " |"
            for name, counts in result.task_counts.items()
        ),
        "",
    ]
    return "\n".join(lines)
