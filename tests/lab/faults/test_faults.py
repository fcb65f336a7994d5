"""Real faults on a real stack, each held to its row of the table."""

import pytest

from lab.commands import faults
from lab.errors import UsageError
from lab.faults.book import Book, read
from lab.faults.rows import ROWS, named

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(400)]


def run(tmp_path, *names: str, mode: faults.Mode) -> Book:
    faults.command(
        list(names), mode=mode, rate=40, sockets=60, output=tmp_path
    )  # raises when one did not hold
    return read(tmp_path / "faults.json")


def test_parts_of_the_smallest_stack_may_fail(tmp_path):
    """Mode multi; `lab faults --quick`, a lane of its own, breaks one part of each kind of mode stack."""
    book = run(tmp_path, "websocket-killed", "database-link-reset", mode="multi")
    assert len(book.entries) == 2
    killed = book.entries["websocket-killed"].observation
    assert killed.closes == {"1006": killed.reconnects}


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
