"""A session that was interrupted keeps its complete rounds, and is resumed by its own plan only."""

import pytest

from lab.errors import UsageError
from lab.trials.journal import Journal, read
from lab.trials.observation import Observation, floor_pairs_of, pairs_of, worst_guards
from lab.verdict import Guard

PLAN = {"lever": "event_loop", "values": ["uvloop", "asyncio"], "seed": 1}
GOOD = Guard("achieved", True, "1.00 of the offered rate")
BAD = Guard("achieved", False, "0.80 of the offered rate, 0.99 is the least")


def observe(round, side, place=0, value=1.0, guards=(GOOD,)):
    return Observation(round, place, side, 1_700_000_000.0, {"cpu_per_1k": value}, 500, 0.1, list(guards))


def fill(journal, rounds):
    for number in range(rounds):
        for place, (side, value) in enumerate([("a", 10.0), ("a2", 10.1), ("b", 12.0)]):
            journal.add(observe(number, side, place, value))


def test_what_was_written_is_read_back(tmp_path):
    journal = Journal.begin(tmp_path / "j.jsonl", PLAN)
    fill(journal, 2)
    assert read(journal.path) == (PLAN, journal.observations)


def test_half_rounds_and_torn_lines_are_dropped_on_resume(tmp_path):
    journal = Journal.begin(tmp_path / "j.jsonl", PLAN)
    fill(journal, 2)
    journal.add(observe(2, "a"))
    with journal.path.open("a") as out:
        out.write('{"round": 2, "side": "b", "met')
    resumed = Journal.resume(journal.path, PLAN)
    assert resumed.done_rounds() == {0, 1}
    assert len(read(journal.path)[1]) == 6


def test_another_plan_cannot_resume(tmp_path):
    journal = Journal.begin(tmp_path / "j.jsonl", PLAN)
    with pytest.raises(UsageError, match="seed, values differ"):
        Journal.resume(journal.path, {**PLAN, "seed": 2, "values": ["uvloop", "asyncio_debug"]})


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "j.jsonl").write_text("hello\n")
    with pytest.raises(UsageError, match="not a journal"):
        Journal.resume(tmp_path / "j.jsonl", PLAN)


def test_pairs_know_their_order():
    observations = [
        *(observe(0, "a", 0, 10.0), observe(0, "b", 1, 12.0), observe(0, "a2", 2, 10.0)),
        *(observe(1, "b", 0, 12.0), observe(1, "a2", 1, 10.0), observe(1, "a", 2, 10.0)),
        *(observe(2, "b", 0, 12.0), observe(2, "a", 0, 10.0), observe(2, "a2", 0, 10.0)),
        observe(3, "a", 0, 10.0),
    ]
    assert [pair.order for pair in pairs_of(observations, "cpu_per_1k")] == ["ab", "ba", "together"]
    assert [(pair.a, pair.b) for pair in floor_pairs_of(observations, "cpu_per_1k")] == [(10.0, 10.0)] * 3


def test_rounds_without_the_figure_are_left_out():
    assert pairs_of([observe(0, side) for side in ("a", "a2", "b")], "p99") == []


def test_one_failed_guard_is_remembered():
    observations = [observe(0, "a"), observe(0, "b", guards=[BAD]), observe(1, "a")]
    assert worst_guards(observations) == [BAD]
