"""A sweep on a lever's page says on what it was measured, and which rows the machine has no cores for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lab.commands.sweep import table
from lab.notebook import scaling
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.scaling.points import Point
from lab.scaling.sweeping import Sweep

MACHINE = {"cores": 2, "cpu": "AMD EPYC", "python": "3.11.7", "commit": "22d45c63b66d", "changed": False}
PATH = Path("uvicorn_workers.multi.20260102-030405.json")


def swept(lever="uvicorn_workers", others=0.25):
    tried = Attempt(100.0, 0.01, 1.0, 0.0, others_cores=others)
    points = [Point(value, Bracket(100.0, 110.0, Slo(), (tried,)), 50.0) for value in ("1", "2", "3")]
    return Sweep(lever, ["1", "2", "3"], "multi", 1, 1, points, MACHINE)


def page(sweep, **more):
    return "\n".join(scaling.on_lever(sweep.lever, [(PATH, {**sweep.as_json(), **more})]))


def test_a_sweep_names_machine_code_load_and_other_programs():
    assert (
        "Measured on 2 cores of AMD EPYC, Python 3.11.7, commit 22d45c63b66d, generator and database "
        "included; load send, p99 SLO 100 ms; other programs used 0.25 cores in "
        "the mean." in page(swept())
    )
    assert "load chat, p99" in page(swept(), command="lab sweep uvicorn_workers --mix chat --repeats 1")
    assert "commit 22d45c63b66d with changes that" in page(swept(), machine={**MACHINE, "changed": True})


def test_what_nobody_noted_is_said_to_be_unknown():
    words = page(replace(swept(others=float("inf")), machine={}))
    assert "on a machine that was not noted" in words
    assert "other programs were not counted" in words
    assert "more than the" not in words


@pytest.mark.parametrize("lever", ["uvicorn_workers", "websocket_instances"])
def test_rows_with_more_processes_than_cores_are_marked(lever, capsys):
    words = page(swept(lever))
    assert "| 3, more than the 2 cores | 100/s |" in words
    assert "| 2 | 100/s |" in words
    Console(width=200).print(table(swept(lever)))
    assert capsys.readouterr().out.count("more than the 2 cores") == 1


def test_a_setting_that_counts_no_processes_has_no_marks():
    assert "more than the" not in page(swept("pool_size"))


def test_a_sweep_is_replaced_by_a_newer_one_of_the_same_question_only(tmp_path):
    def kept(name, **changes):
        path = tmp_path / f"uvicorn_workers.multi.{name}.json"
        path.write_text(json.dumps({"kind": "sweep", **swept().as_json(), **changes}))
        return path

    kept("20260102-030405")
    again, fewer = kept("20260102-040404"), kept("20260101-010101", values=["1", "2"])
    curve = kept("20260103-010101", curve={"sentence": "one gives 100/s"})
    loaded = kept("20260102-050404", command="lab sweep uvicorn_workers --mix list")
    assert [path for path, _ in scaling.sweeps_of(tmp_path)] == [curve, loaded, again, fewer]
