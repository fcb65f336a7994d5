"""`lab bench citus`: the page from a result. tests/citus/test_bench.py runs it."""

from dataclasses import replace

from lab.bench.citus.contenders import CONTENDERS, PLAIN, statements
from lab.bench.citus.page import page, save
from lab.bench.citus.run import CitusResult
from lab.bench.citus.turns import Cell


def result(rounds: int = 6) -> CitusResult:
    cells = [
        Cell(one.name, cell, number, 100 if one.name == PLAIN else 25, 1.0, 0.05, 0.001, 0.002, 0)
        for one in CONTENDERS
        for cell in one.cells()
        for number in range(rounds)
    ]
    machine = {"cores": 2, "cpu": "a cpu"}
    counts = {one.name: {"page": 1, "dialogs": one.shards} for one in CONTENDERS}
    versions = {"postgresql": "15", "citus": "13"}
    return CitusResult("lab bench citus", "2026-01-01", machine, versions, rounds, 1.0, counts, cells)


def test_the_page_names_every_contender_with_its_rate_as_a_multiple_of_plain(tmp_path):
    save(result(), tmp_path / "citus.json")
    text = (tmp_path / "citus.md").read_text()
    for contender in CONTENDERS:
        assert f"| {contender.name} |" in text
    assert "0.250 (0.250 to 0.250)" in text
    assert "`lab bench citus`" in text


def test_few_rounds_give_a_ratio_without_an_interval():
    assert "| 0.25 |" in page(result(rounds=2), "citus.json")


def test_only_those_with_an_inbox_are_asked_for_it():
    assert {one.name for one in CONTENDERS if "send_inbox" in one.cells()} == {PLAIN, "2 workers 32 shards"}


def test_the_statements_are_those_of_the_services():
    assert {"send_message", "history_newest", "dialogs_of_user", "missed_by_users"} <= statements().keys()


def test_the_page_says_from_how_many_workers_on_sharding_pays_and_what_became_of_the_inbox():
    milliseconds = {"send": 1.7, "page": 1.1, "send_inbox": 2.7, "dialogs": 20.0, "dialogs_inbox": 1.0}

    def priced(one: Cell) -> Cell:
        cost = milliseconds.get(one.cell, 1.0) if one.contender == "2 workers 32 shards" else 0.5
        return replace(one, answered=1000, cpu_seconds=cost)

    made = result()
    text = page(replace(made, cells=[priced(one) for one in made.cells]), "citus.json")
    assert "k is **3.4 for a send and 2.2 for a page**: from 4 workers on" in text
    assert "costs 1,000 us more, a list of dialogs 19,000 us less: it pays from 0.05 lists a send on" in text
