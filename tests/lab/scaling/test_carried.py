"""What is said of a sweep is not the luck of its best search; the command and the notebook say the same."""

import json
from dataclasses import replace

import pytest

from lab.cli import run
from lab.notebook import scaling
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.scaling.carried import by_value, most, sentence
from lab.scaling.points import Point
from lab.scaling.sweeping import Sweep

INFINITE = float("inf")


def searched(**held):
    """A point for each rate that a search of the value (`_2`) ended with; it failed 12.5 % above."""
    return [
        Point(value.strip("_"), Bracket(rate, rate * 1.125, Slo()), 50.0)
        for value, rates in held.items()
        for rate in rates
    ]


def told(points):
    return sentence(by_value(["1", "2", "4"], points))


def test_values_whose_searches_overlap_have_no_winner():
    found = searched(_1=(5433, 5433), _2=(4830, 6872), _4=(3395, 3819))
    assert told(found) == (
        "the most was carried with 1 (5,433 to 6,112/s) and 2 (4,830 to 7,731/s), from the lowest rate held "
        "to the highest failed: they overlap, and which carries more is open. To decide it: more searches of "
        "each value (`--repeats`)."
    )


def test_a_value_wins_where_all_its_searches_are_above_all_of_the_others():
    found = searched(_1=(100, 110), _2=(300, 310), _4=(150, 160))
    assert told(found) == "the most was carried with 2 (300 to 349/s); the next is 4 (150 to 180/s)."
    found = searched(_1=(100, 110), _4=(300, 310))
    assert told(found).endswith("the next is 1 (100 to 124/s). More than 4 was not tried.")


def test_a_rate_that_one_value_failed_and_the_next_one_held_is_no_overlap():
    found = by_value(["1", "2"], searched(_1=(80, 80), _2=(90 - 1e-12, 90)))
    assert [one.value for one in most(found)] == ["2"]


def test_a_wide_bracket_is_an_overlap():
    wide = Point("1", Bracket(100, 400, Slo()), 50.0)
    assert "1 (100 to 400/s) and 2 (300 to 338/s)" in told([wide, wide, *searched(_2=(300, 300))])


@pytest.mark.parametrize(("again", "held"), [((), "5,433"), ((5400,), "5,400")])
def test_of_one_search_a_value_only_the_figures_are_told(again, held):
    assert told(searched(_1=(5433, *again), _2=(8000,))) == (
        f"held: 1 {held}/s, 2 8,000/s; two searches of one value may differ as much, "
        "and which carries more is open. To decide it: `--repeats 3`."
    )


def test_one_value_alone_is_told_with_its_range():
    assert told(searched(_2=(80,))) == "2 carries 80 to 90/s, by one search."
    assert told(searched(_2=(80, 88))) == "2 carries 80 to 99/s, by 2 searches."


def test_where_no_rate_failed_or_none_held_nothing_is_said_to_carry_most():
    endless = Point("4", Bracket(20_000, INFINITE, Slo()), 50.0)
    assert told([*searched(_1=(100, 110)), endless, endless]) == (
        "with 4 no rate failed up to 20,000/s: where the capacity is, and so which carries most, is not "
        "known."
    )
    assert told(searched(_1=(0, 0), _2=(0,))) == "no rate held with any value."


def test_where_the_generator_was_full_nothing_is_said_to_carry_most():
    full = Attempt(338, INFINITE, 1.0, 0.0, generator_share=0.95)
    one = Point("2", Bracket(300, 338, Slo(), (full, full), generator_bound=True), 50.0)
    assert told([*searched(_1=(100, 110)), one, one]).startswith("with 2 the generator used 95% of its core")


@pytest.mark.parametrize(
    "points",
    [
        searched(_1=(5433, 5433), _2=(4830, 6872)),
        searched(_1=(5433,), _2=(6872,)),
        searched(_1=(300, 310), _2=(100, 110)),
        [*searched(_1=(100, 110)), *[Point("2", Bracket(20_000, INFINITE, Slo()), 50.0)] * 2],
    ],
)
def test_the_end_of_lab_sweep_and_the_notebook_say_the_same(points, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path)
    made = Sweep("uvicorn_workers", ["1", "2"], "multi", 2, 1)
    monkeypatch.setattr("lab.commands.sweep.measured", lambda wanted: (replace(made, points=points), None))
    assert run(["sweep", "uvicorn_workers", "--values", "1,2"]) == 0
    raw = json.loads(next(tmp_path.glob("*.json")).read_text())
    lines = capsys.readouterr().out.splitlines()
    assert scaling.sentence(raw) in lines
    assert not [line for line in lines if "knee" in line or "within" in line]
