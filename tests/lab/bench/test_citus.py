"""`lab bench citus`: the page from a result. tests/citus/test_bench.py runs it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec

from backend.connections import BATCH_SESSION
from lab.bench.citus import contenders
from lab.bench.citus.contenders import CONTENDERS, GATHERED, PLAIN, statements
from lab.bench.citus.explaining import EXPLAINED, filled, tasks_of
from lab.bench.citus.gathering import Gathering
from lab.bench.citus.page import page, save
from lab.bench.citus.run import CitusResult
from lab.bench.citus.turns import Cell
from tests.lab.shards.made_up import RECORD

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def result(rounds: int = 6) -> CitusResult:
    cells = [
        Cell(one.name, cell, number, 100 if one.name == PLAIN else 25, 1.0, 0.05, 0.001, 0.002, 0)
        for one in CONTENDERS
        for cell in one.cells()
        for number in range(rounds)
    ]
    machine = msgspec.to_builtins(msgspec.structs.replace(RECORD.machine, commit="abc", changed=True))
    counts: dict[str, dict[str, int | None]] = {
        one.name: {**dict.fromkeys(EXPLAINED, one.shards), "outbox_waiting": None} for one in CONTENDERS
    }
    versions = {"postgresql": "15", "citus": "13"}
    return CitusResult("lab bench citus", "2026-01-01", machine, versions, rounds, 1.0, counts, cells)


def test_the_page_names_every_contender_with_its_rate_as_a_multiple_of_plain(tmp_path):
    save(result(), tmp_path / "citus.json")
    text = (tmp_path / "citus.md").read_text()
    for contender in CONTENDERS:
        assert f"| {contender.name} |" in text
    assert "0.250 (0.250 to 0.250)" in text
    assert "`lab bench citus`" in text
    assert "commit abc, with changes that are not committed." in text
    assert "| 2 workers 6 shards | 6 | 6 | 6 | 6 | 6 | 6 | refused | 6 |" in text


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
        cost = 0.25 if one.contender == GATHERED else cost
        return replace(one, answered=1000, cpu_seconds=cost)

    made = result()
    text = page(replace(made, cells=[priced(one) for one in made.cells]), "citus.json")
    assert "**6.8 for a send** against plain PostgreSQL as the lab runs it (GROUP_COMMIT=on" in text
    assert "**3.4 for a send** against plain PostgreSQL with a statement and a commit each" in text
    assert "**2.2 for a page**" in text
    assert "from 7 workers on" in text
    assert "from 4 on more than one without" in text
    assert "costs 1,000 us more, a list of dialogs 19,000 us less: it pays from 0.05 lists a send on" in text


def test_batches_have_the_sessions_that_the_backend_gives_them():
    assert contenders.BATCH_SESSION == BATCH_SESSION


def test_a_statement_is_filled_in_for_each_of_its_parameters():
    assert filled("$1, $2::uuid[] $11", ["a'b", *"23456789", "x", "y"]) == "'a''b', '2'::uuid[] 'y'"
    for name, (_, values) in EXPLAINED.items():
        assert "$" not in filled(statements()[name], values), name


def test_the_tasks_of_a_plan_are_those_of_its_subplans_too():
    assert (
        tasks_of(["Custom Scan", "  ->  Distributed Subplan 1_1", "   Task Count: 32", " Task Count: 1"])
        == 33
    )
    assert tasks_of(["Function Scan on send_message"]) == 0


async def test_sends_that_wait_for_a_commit_share_the_next_and_each_gets_its_own_seq():
    class Connection:
        """Answers in another order than it was asked, as a set may."""

        def __init__(self) -> None:
            self.batches: list[list[int]] = []

        async def fetchrow(self, statement: str, *message: Any) -> dict[str, int]:
            assert "send_message(" in statement
            self.batches.append([message[2]])
            await asyncio.sleep(0)
            return {"seq": message[2] * 10}

        async def fetch(self, statement: str, *columns: Any) -> list[dict[str, int]]:
            assert "WITH ORDINALITY" in statement
            self.batches.append(columns[2])
            return [{"place": at, "seq": one * 10} for at, one in reversed([*enumerate(columns[2], 1)])]

    connection = Connection()
    gathering = Gathering(cast("Any", connection))
    first = asyncio.create_task(gathering.send(UUID(int=1), UUID(int=1), 1, 2, "x"))
    while not connection.batches:  # noqa: ASYNC110 - the first is under way
        await asyncio.sleep(0)
    others = [gathering.send(UUID(int=n), UUID(int=n), n, 2, "x") for n in (2, 3, 4)]
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert connection.batches == [[1], [2, 3, 4]]


def test_the_committed_page_is_that_of_the_committed_figures():
    file = RESULTS / "citus.json"
    found = msgspec.convert(msgspec.json.decode(file.read_bytes()), CitusResult)
    assert file.with_suffix(".md").read_text() == page(found, file.name)
