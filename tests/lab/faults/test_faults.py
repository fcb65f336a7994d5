"""Which rows of the table a call runs, and on which stacks. Real faults: test_endurance.py, lane `faults`."""

import pytest

from lab.commands import faults
from lab.errors import UsageError
from lab.faults.rows import ROWS, named


def test_an_unknown_row_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="expected one of api-killed"):
        faults.chosen(["nonsense"], quick=False)
    assert len(faults.chosen([], quick=False)) == len(ROWS)


def test_a_row_with_settings_of_its_own_has_a_stack_of_its_own_and_none_in_docker():
    row, usual = named("api-killed-outbox"), named("api-killed")
    assert faults.stack_of(row) != faults.stack_of(usual) == faults.stack_of(named("websocket-killed"))
    assert not faults.possible(row, "docker") and faults.possible(row, "multi")


def test_rows_that_a_mode_cannot_run_are_named(capsys, tmp_path):
    faults.command(["api-killed", "broker-killed"], mode="multi", list_=True, output=tmp_path)
    said = capsys.readouterr().out
    assert said.startswith("not in mode multi: broker-killed\napi-killed ")
    faults.command([], mode="stack", list_=True, output=tmp_path)
    assert "not in mode" not in capsys.readouterr().out
