"""The page of a walk: what each step cost, in columns."""

from dataclasses import replace
from pathlib import Path

import msgspec

from lab.shards.meanwhile import Meanwhile, Window
from lab.shards.walk import Head, Walked, page
from lab.shards.watch import Sample
from tests.lab.shards.made_up import RECORD, WELL, WORKER

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_a_step_has_its_skew_and_its_rows_of_before_and_after():
    other = replace(WORKER, port=7002, bytes=30)
    (first, last) = WELL.samples
    account = replace(
        WELL,
        samples=[
            replace(first, nodes=[WORKER, other]),
            Sample(last.at, [replace(WORKER, bytes=20), replace(other, bytes=20)], last.moves),
        ],
    )
    spans = [Window(name, 10, 100, 0.01, 0.02, 0.03, {}, 0.0) for name in ("before", "during", "after")]
    ledger = msgspec.structs.replace(RECORD.ledger, acknowledged=48, acknowledged_not_stored=0)
    beside = Meanwhile(msgspec.structs.replace(RECORD, ledger=ledger), spans)
    head = Head(
        "lab shards walk", "2026-01-02T03:04", RECORD.machine, {"Citus": "13", "PostgreSQL": "15"}, 25
    )
    text = page(head, [Walked("it is drained", account, beside)], Path("shards.json"))
    assert (
        "| it is drained | 2.0 s | 0 | 1.50, 1.00 | 1,000 +50 | 20 | 20 | 20 | 30 | none | 0 of 48 |" in text
    )


def test_the_committed_walk_has_those_columns():
    assert "| shards moved | skew | rows | p99 before |" in (RESULTS / "shards.md").read_text()
