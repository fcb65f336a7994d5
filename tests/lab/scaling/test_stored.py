"""A capacity result is read back as it was, also when nothing failed or nothing was answered."""

import math

import pytest

from lab.errors import UsageError
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.scaling.stored import CapacityResult, load, stored


def result(**changes):
    attempts = (Attempt(100, 0.01, 1.0, 0.0), Attempt(200, math.inf, 0.5, 0.5))
    bracket = Bracket(100, math.inf, Slo(), attempts, "", "backend-1 at 97% of a core")
    base = {
        **{"mode": "multi", "mix": "send", "shape": {"backend": 2}, "bracket": bracket, "levers": {}},
        **{"fingerprint": {"cores": 2}, "command": "lab capacity", "started_at": 1e9, "seconds": 30.0},
    }
    return CapacityResult(**{**base, **changes})


def test_a_result_is_read_back_as_it_was(tmp_path):
    path = result().save(tmp_path)
    found = load(path)
    assert found.bracket.fails == math.inf
    assert found.bracket.attempts[1].p99_seconds == math.inf
    assert found.bracket.passes == 100
    assert "Infinity" not in path.read_text()


def test_what_other_programs_used_is_kept(tmp_path):
    attempts = [Attempt(100, 0.01, 1.0, 0.0, others_cores=one) for one in (0.2, 0.6)]
    unknown = [Attempt(100, 0.01, 1.0, 0.0)]
    for made, used in ((attempts, 0.4), (unknown, None)):
        path = result(bracket=Bracket(100, 110, Slo(), made)).save(tmp_path)
        assert load(path).bracket.others_cores == pytest.approx(used)


def test_results_of_one_second_have_a_file_each(tmp_path):
    paths = {result(seconds=seconds).save(tmp_path) for seconds in (1.0, 2.0, 3.0)}
    assert len(paths) == 3
    assert sorted(one.seconds for _, one in stored([tmp_path])) == [1.0, 2.0, 3.0]


def test_results_are_found_oldest_first(tmp_path):
    for at in (3e8, 1e8, 2e8):
        result(started_at=at).save(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    assert [one.started_at for _, one in stored([tmp_path])] == [1e8, 2e8, 3e8]


def test_another_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(UsageError, match="is not the result of a capacity search"):
        load(tmp_path / "x.json")
