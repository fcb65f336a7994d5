"""The page of the promotions is what their figures say."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.report.promotions import WAYS, gather, page

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def figures(lost: int = 0, errors: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "promotion": {"down_seconds": 1.0, "rejoin_seconds": 5.5, "lost_bytes": 744},
        "sends": 1000,
        "errors": errors or {},
        "p99": 2.5,
        "ledger": {"acknowledged": 1100, "acknowledged_not_stored": lost},
    }


def measured(rounds: dict[str, Any]) -> dict[str, Any]:
    machine = {"cores": 2, "cpu": "a processor"}
    return {"command": "x.sh 2", "day": "2026-01-02", "machine": machine, "commit": "abc", "rounds": rounds}


def test_each_way_is_a_row_with_a_figure_a_round():
    rounds = {f"{way}, {n}": figures(lost=n - 1) for way in WAYS for n in (1, 2)}
    text = page(measured(rounds), "r.json")
    assert "Measured on 2026-01-02, 2 cores of a processor for everything,\ncommit abc: `x.sh 2`." in text
    cells = "1.0, 1.0 s | 5.5, 5.5 s | {} | 1,000, 1,000 | none; none | 2,500, 2,500 ms | 744, 744 B"
    assert f"| async, primary killed | {cells.format('1.0, 1.0 s')} | 0 of 1,100, 1 of 1,100 |" in text
    # Nobody is left to confirm until the old primary is back.
    assert f"| FIRST 1, primary killed | {cells.format('6.5, 6.5 s')} |" in text
    assert "not yet sent on: 1 in 1 of 2 rounds here" in text
    assert "for 6.5, 6.5 s no send was confirmed" in text


def test_a_way_that_was_not_measured_is_no_page():
    with pytest.raises(KeyError, match="FIRST 1"):
        page(measured({"async, killed, 1": figures()}), "r.json")


def test_the_rounds_are_gathered_with_the_machine_the_code_and_the_day(tmp_path):
    for way in WAYS:
        (tmp_path / f"{way}, 1.json").write_text(json.dumps(figures()))
    gather(tmp_path, tmp_path / "out.file", "x.sh 1")
    found = json.loads((tmp_path / "out.file").read_text())
    assert set(found["rounds"]) == {f"{way}, 1" for way in WAYS}
    assert found["machine"]["cores"] and found["day"]
    assert found["commit"].startswith(found["machine"]["commit"] or "unknown")
    assert f"commit {found['commit']}: `x.sh 1`" in (tmp_path / "out.md").read_text()


def test_the_committed_page_is_that_of_the_committed_figures():
    data = json.loads((RESULTS / "replicas.json").read_text())
    assert (RESULTS / "replicas.md").read_text() == page(data, "replicas.json")
