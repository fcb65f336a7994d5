"""`lab bench`: our send and list against their twins, in turns, on one database."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import VoidResult


def command(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 12,
    seconds: Annotated[float, typer.Option(min=0.2, help="Seconds of a turn.")] = 1.5,
    seed: Annotated[int, typer.Option(help="Of users, dialogs and the order of turns.")] = 1,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="One short round: that all answer and nothing is lost.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """Send and list: ours, with and without group commit, against three ways FastAPI code is written.

    Every contender is one process on the same database; they take turns, so that a busy machine is unfair
    to none. CPU comes from the scheduler's own counters. Exit code 3: something acknowledged is not stored.
    """
    from lab.bench.result import page, short
    from lab.bench.rounds import BenchPlan, bench

    words = f"lab bench --rounds {rounds} --seconds {seconds:g} --seed {seed}"
    if smoke:
        rounds, seconds, words = 1, 0.5, "lab bench --smoke"
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        plan = BenchPlan(rounds, seconds, seed, Path(folder) / "stack", words)
        result = bench(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(short(result)))
    ledger = result.ledger
    print(
        f"ledger: {ledger['acknowledged']:,} acknowledged, {ledger['stored']:,} stored, {ledger['gaps']} gaps"
    )
    if output is not None:
        result.save(output)
        output.with_suffix(".md").write_text(page(result, output.name))
        print(f"result: {output}  page: {output.with_suffix('.md')}")
    if ledger["acknowledged"] != ledger["stored"] or ledger["gaps"]:
        raise VoidResult("bench: the ledger does not balance; the figures do not count")
