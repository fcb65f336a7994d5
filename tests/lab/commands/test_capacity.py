"""`lab capacity`: one search, or several with a range over them, each kept as a file of its own."""

from types import SimpleNamespace

import pytest

from lab.cli import run
from lab.scaling import measured, stored
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.stack.description import StackDescription
from tests.lab.experiments.fake_stack import EXAMPLE


@pytest.fixture
def searches(monkeypatch, tmp_path):
    """Runs `lab capacity` with searches that find these brackets; the seeds that they were made with."""
    seeds = []

    def found(*brackets):
        left = iter(brackets)

        class Found:
            last = EXAMPLE

            def __init__(self, load, *, mix, seconds, seed):
                seeds.append(seed)

            async def capacity(self, *asked, **limits):
                return next(left)

        monkeypatch.setattr(measured, "Measured", Found)
        return seeds

    stack = SimpleNamespace(mode="multi", levers={}, processes=())
    monkeypatch.setattr(StackDescription, "load", lambda home: stack)
    monkeypatch.setattr(stored, "RUNS", tmp_path)
    return found


def bracket(passes, fails, others=0.2):
    return Bracket(passes, fails, Slo(), (Attempt(passes, 0.01, 1.0, 0.0, others_cores=others),))


def test_repeats_have_seeds_of_their_own_a_file_each_and_a_range_over_them(searches, tmp_path, capsys):
    seeds = searches(bracket(1_000, 1_100), bracket(500, 550), bracket(900, 990))
    assert run(["capacity", "--repeats", "3", "--seed", "7"]) == 0
    assert seeds == [7, 107, 207]
    kept = [one for _, one in stored.stored([tmp_path])]
    assert sorted(one.bracket.passes for one in kept) == [500, 900, 1_000]
    assert {one.command.rpartition(" ")[2] for one in kept} == {"7", "107", "207"}
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "3 searches, from the lowest that held to the highest that failed: 500 to 1,100 /s"


def test_one_search_claims_no_range(searches, capsys):
    searches(bracket(1_000, 1_100))
    assert run(["capacity"]) == 0
    assert "searches" not in capsys.readouterr().out


def test_what_other_programs_used_is_printed_and_kept(searches, tmp_path, capsys):
    searches(bracket(1_000, 1_100, others=1.43))
    assert run(["capacity"]) == 0
    assert "what other programs used was 1.4 cores in the mean" in capsys.readouterr().out
    assert [one.bracket.others_cores for _, one in stored.stored([tmp_path])] == [1.43]
