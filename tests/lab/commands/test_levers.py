"""`lab levers` and `lab show`: what a reader sees before measuring anything."""

import pytest

from lab.cli import run
from lab.experiments.availability import PARTS, availability
from levers.catalogue import catalogue


def test_levers_are_listed_by_name(capsys):
    assert run(["levers", "--names"]) == 0
    assert capsys.readouterr().out.split() == list(catalogue())


def test_the_list_says_what_cannot_be_pulled_here(capsys, monkeypatch):
    monkeypatch.setattr("lab.experiments.availability.documented", dict)
    assert run(["levers"]) == 0
    assert "pool_size: no process reads POOL_SIZE yet" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_page_can_be_shown(name, capsys):
    assert run(["show", name]) == 0
    out = capsys.readouterr().out
    assert "Problem:" in out
    assert "dishonest if" in out


def test_a_lever_whose_capacity_was_searched_shows_what_its_sweep_says(capsys):
    assert run(["show", "uvicorn_workers"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Latest sweep" in out
    assert "most was carried with" in out


def test_a_lever_without_a_result_says_the_command_that_measures_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("lab.commands.show.results_of", lambda _name: [])
    monkeypatch.setattr("lab.commands.show.KEPT", tmp_path)
    for name, command in (("uvicorn_workers", "lab sweep uvicorn_workers"), ("paging", "lab pull paging")):
        assert run(["show", name]) == 0
        assert f"No result yet. Measure it: {command}" in capsys.readouterr().out


def test_an_unknown_lever_is_one_line(capsys):
    assert run(["show", "pool"]) == 2
    assert "did you mean pool_size" in capsys.readouterr().err


def test_a_missing_part_is_named_with_what_mends_it(monkeypatch):
    monkeypatch.setitem(PARTS, "sqlalchemy", (lambda: False, "pip install '.[twins]'"))
    state = availability(catalogue()["query_path"])
    assert not state.ready
    assert "pip install" in state.reason


def test_a_value_without_its_part_is_left_out(monkeypatch):
    monkeypatch.setitem(PARTS, "nats", (lambda: False, "apt install nats-server"))
    state = availability(catalogue()["broker"])
    assert state.ready
    assert "nats" in state.without


def test_a_part_is_looked_for_as_the_stack_looks_for_it(monkeypatch):
    def only_valkey(name, path=None):
        return "/usr/bin/valkey-server" if name == "valkey-server" else None

    monkeypatch.setattr("shutil.which", only_valkey)
    assert PARTS["redis"][0]()
    assert not PARTS["nats"][0]()


@pytest.mark.parametrize("missing", ["rabbitmq", "haproxy"])
def test_mode_stack_needs_its_broker_and_its_proxy(missing, monkeypatch):
    for part in PARTS:
        monkeypatch.setitem(PARTS, part, (lambda part=part: part != missing, "mend it"))
    assert availability(catalogue()["run_mode"]).without == ("stack",)
    assert availability(catalogue()["database"]).without == ("citus",)
