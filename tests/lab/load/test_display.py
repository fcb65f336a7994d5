"""What a run shows on the terminal."""

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lab.load.display import milliseconds, progress, short_table, sparkline
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord, load
from lab.stack.description import Database, StackDescription


@pytest.fixture
def record() -> RunRecord:
    return load(Path(__file__).with_name("example_record.json"))


@pytest.fixture
def plan() -> LoadPlan:
    database = Database("127.0.0.1", 1, "postgres", "", "lab")
    return LoadPlan(StackDescription("multi", Path("/"), [], [], database, "secret"), duration=8)


def written(record: RunRecord) -> str:
    out = StringIO()
    Console(file=out, width=160).print(short_table(record))
    return out.getvalue()


def shown(record: RunRecord, plan: LoadPlan, terminal: bool) -> str:
    out = StringIO()
    with progress(plan, Console(file=out, width=160, force_terminal=terminal)) as watched:
        for second in record.seconds:
            watched.on_second(second)
    return out.getvalue()


def test_the_short_table_says_verdict_load_ledger_and_latencies(record: RunRecord):
    text = written(record)
    for words in ("VALID", "1,600 of 1,600 answered", "3,200 of 3,200 deliveries", "answer, from intended"):
        assert words in text


def test_a_ledger_that_is_not_clean_is_not_called_clean(record: RunRecord):
    ledger = msgspec.structs.replace(record.ledger, clean=False, not_delivered=3)
    text = written(msgspec.structs.replace(record, ledger=ledger))
    assert "NOT CLEAN" in text
    assert "3 lost" in text


def test_a_terminal_sees_the_figures_of_each_second(record: RunRecord, plan: LoadPlan):
    text = shown(record, plan, terminal=True)
    assert "8 of 8 s" in text
    assert "1,600 answered" in text


def test_a_pipe_gets_a_line_every_five_seconds(record: RunRecord, plan: LoadPlan):
    lines = shown(record, plan, terminal=False).splitlines()
    assert len(lines) == len(record.seconds) // 5
    assert "ok/s" in lines[0]


def test_a_run_without_answers_can_be_shown(record: RunRecord, plan: LoadPlan):
    silent = [
        msgspec.structs.replace(second, ok=0, intended_p50=None, intended_p99=None, delivery_p99=None)
        for second in record.seconds
    ]
    assert "p50 -" in shown(msgspec.structs.replace(record, seconds=silent), plan, terminal=False)


def test_times_and_sparks_are_for_people():
    assert [milliseconds(value) for value in (None, 0.0042, 1.5)] == ["-", "4.20 ms", "1,500 ms"]
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([0, 4, 8]) == "▁▄█"
