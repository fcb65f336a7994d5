"""A compact result says and draws the same in a fraction of the bytes."""

from lab.experiments.compact import compact
from lab.experiments.result import load
from lab.experiments.session import verdicts_of
from lab.report import pull
from tests.lab.experiments.fakes import plan
from tests.lab.report.made_up_pulls import made_up


def test_a_compact_result_draws_the_same_pictures(tmp_path):
    whole = made_up()
    small = load(compact(whole).save(tmp_path / "small.json"))
    assert pull.drawings(small) == pull.drawings(whole)
    assert (tmp_path / "small.json").stat().st_size < 0.5 * whole.save(tmp_path / "w.json").stat().st_size


def test_the_verdict_can_be_found_again_from_a_compact_result(tmp_path):
    whole = made_up()
    small = load(compact(whole).save(tmp_path / "small.json"))
    assert verdicts_of(plan(), small.observations)[0] == whole.primary
