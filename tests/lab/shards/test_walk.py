"""The page of a walk: what each step cost, in columns."""

from dataclasses import replace
from pathlib import Path

import msgspec

from lab.shards.fared import KINDS, SPANS, Window
from lab.shards.meanwhile import Meanwhile
from lab.shards.walk import CAUSES, Head, Walked, page
from lab.shards.watch import Sample
from tests.lab.shards.made_up import RECORD, WELL, WORKER

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_a_step_has_its_skew_and_its_rows_and_names_the_span_of_what_was_refused():
    other = replace(WORKER, port=7002, bytes=30)
    (first, last) = WELL.samples
    account = replace(
        WELL,
        samples=[
            replace(first, nodes=[WORKER, other]),
            Sample(last.at, [replace(WORKER, bytes=20), replace(other, bytes=20)], last.moves),
        ],
    )
    spans = [
        Window(what, name, 10, 100, 0.01, 0.02, 0.03, {}, 0.0) for what in KINDS.values() for name in SPANS
    ]
    spans[1] = replace(spans[1], refused={"503": 64}, refused_seconds=2.6)
    spans[2] = replace(spans[2], refused={"503": 21, "timeout": 1}, refused_seconds=0.2)
    ledger = msgspec.structs.replace(RECORD.ledger, acknowledged=48, acknowledged_not_stored=0)
    beside = Meanwhile(msgspec.structs.replace(RECORD, ledger=ledger), spans)
    machine = msgspec.structs.replace(RECORD.machine, commit="abc", changed=True)
    head = Head("lab shards walk", "2026-01-02T03:04", machine, {"Citus": "13", "PostgreSQL": "15"}, 25)
    text = page(head, [Walked("it is drained", account, beside)], Path("shards.json"))
    assert "| it is drained | 2.0 s | 0 | 1.50, 1.00 | 1,000 +50 | 0 of 48 |" in text
    refused = "during: 64 x 503 within 2.6 s; after: 21 x 503, 1 x timeout within 0.2 s"
    assert f"| it is drained | 300 sends | 20 | 20 | 20 | 30 | {refused} |" in text
    assert "| it is drained | 300 lists of dialogs | 20 | 20 | 20 | 30 | none |" in text
    assert "commit abc, with changes that are not committed." in text


def test_the_committed_walk_has_those_columns_and_words():
    text = (RESULTS / "shards.md").read_text()
    assert "| step | took | shards moved | skew | rows | lost, of sends |" in text
    assert "| step | requests | p99 before | during | after | slowest | refused |" in text
    assert CAUSES.strip() in text
