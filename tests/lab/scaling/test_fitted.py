"""A law is fitted to what the services carry, not to what the generator or the search could not reach."""

import json

import pytest

from lab.cli import run
from lab.notebook import scaling
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.scaling.fitted import fitted
from lab.scaling.points import Point
from lab.scaling.sweeping import Sweep

INFINITE = float("inf")
FULL_CORE = {"generator_share": 0.95, "machine_share": 0.8}
LATE = {"lag_p99_seconds": 0.03, "machine_share": 0.7}
LATE_ON_A_FULL_MACHINE = {"lag_p99_seconds": 0.03, "machine_share": 0.97}


def failed(rate, p99=0.5, **seen):
    return Attempt(rate, p99, 1.0, 0.0, **seen)


def point(n, *tries, fails=None):
    held = 100.0 * n
    bound = any(one.generator_share > 0.9 or one.generator_late for one in tries)
    return Point(str(n), Bracket(held, fails or held * 1.1, Slo(), tries, generator_bound=bound), 50.0)


def tried(n, *each):
    return point(n, *(failed(100.0 * n * 1.1, **seen) for seen in each))


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (point(4, fails=INFINITE), "no rate failed up to 400/s"),
        (tried(4, FULL_CORE, FULL_CORE), "the generator used 95% of its core at 440/s"),
        (tried(4, LATE, LATE), "the generator was 30 ms late at 440/s, while 70% of the machine was in use"),
        (tried(4, LATE, LATE, {}), "the generator was 30 ms late"),
        (
            tried(4, {"lag_p99_seconds": 0.03}, {"lag_p99_seconds": 0.03}),
            "the generator was 30 ms late at 440/s, while nobody knows what was in use",
        ),
    ],
)
def test_a_point_that_met_no_limit_of_the_services_is_left_out_with_its_reason(one, why):
    found = fitted([tried(1, {}), one])
    assert found.pairs == [(1.0, 100.0)]
    assert [(out.value, out.held) for out in found.left_out] == [("4", 400.0)]
    assert found.left_out[0].why.startswith(why)


@pytest.mark.parametrize(
    "each", [[{}], [LATE_ON_A_FULL_MACHINE] * 2, [LATE, {}], [{"machine_share": 0.95}, {"p99": 0.05}, {}]]
)
def test_a_point_that_the_services_or_the_full_machine_limit_stays(each):
    assert not fitted([tried(4, *each)]).left_out


def test_where_the_machine_was_full_the_contention_is_said_to_be_shared_with_the_generator():
    full = fitted([tried(1, {"machine_share": 0.5}), tried(2, LATE_ON_A_FULL_MACHINE)])
    assert full.shared.startswith("1 of 2 searches ended with the machine full: generator and services share")
    assert fitted([tried(1, {"machine_share": 0.5})]).shared == ""


def measured(monkeypatch, tmp_path, points):
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path)
    values = list(dict.fromkeys(one.value for one in points))
    made = Sweep("uvicorn_workers", values, "multi", 1, 1, points)
    monkeypatch.setattr("lab.commands.scale_curve.measured", lambda wanted: (made, None))
    code = run(["scale-curve", "uvicorn_workers", "--values", ",".join(values)])
    (path,) = tmp_path.glob("*.json")
    return code, path, json.loads(path.read_text())


def page(path, raw):
    return "\n".join(scaling.on_lever("uvicorn_workers", [(path, raw)]))


def test_a_curve_is_of_the_points_that_are_left_and_names_the_others(monkeypatch, tmp_path, capsys):
    straight = [tried(n, LATE_ON_A_FULL_MACHINE) for n in (1, 2, 3, 4)]
    bound = [Point("9", Bracket(400.0, 440.0, Slo(), (failed(440.0, **FULL_CORE),) * 2), 50.0)]
    code, path, raw = measured(monkeypatch, tmp_path, straight + bound)
    out = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert raw["curve"]["contention"] == pytest.approx(0, abs=1e-3)  # with the ninth it is a ceiling
    why = "the generator used 95% of its core at 440/s"
    assert raw["left_out"] == [{"value": "9", "held": 400.0, "why": why}]
    assert f"left out of the fit: 9 (held 400/s), {why}" in out
    assert "n=9: measured up to 4, a figure is given up to 8" in out
    assert "4 of 4 searches ended with the machine full" in out
    assert f"Left out of the fit: 9 (held 400/s), {why}." in page(path, raw)
    assert "theirs together." in page(path, raw)


def test_without_points_enough_there_is_no_curve_and_it_is_said_what_to_do(monkeypatch, tmp_path, capsys):
    points = [tried(n, {}) for n in (1, 2, 3)] + [point(4, fails=INFINITE)]
    code, path, raw = measured(monkeypatch, tmp_path, points)
    assert code == 2
    assert raw["curve"] is None
    assert raw["left_out"][0]["why"] == "no rate failed up to 400/s"
    told = capsys.readouterr().err
    assert "no curve: 3 different n remain of 4 that the law needs. Smaller --values" in told
    assert "No law was fitted. Left out of the fit: 4 (held 400/s)" in page(path, raw)
