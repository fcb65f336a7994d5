"""`lab logs`, over the log files of a run folder."""

import os
from pathlib import Path

import pytest

from lab.cli import run
from lab.commands.logs import followed
from lab.stack.supervision import Supervision


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "backend-1.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "logs" / "postgres.log").write_text("ready\n")
    return tmp_path


def test_the_last_lines_of_each_process_carry_its_name(home: Path, capsys):
    assert run(["logs", "-n", "2", "--home", str(home)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "backend-1 | two",
        "backend-1 | three",
        "postgres  | ready",
    ]


def test_one_process_can_be_chosen(home: Path, capsys):
    assert run(["logs", "postgres", "--home", str(home)]) == 0
    assert capsys.readouterr().out == "postgres | ready\n"


def test_an_unknown_process_is_one_line_that_names_the_known(home: Path, capsys):
    assert run(["logs", "backend-7", "--home", str(home)]) == 2
    assert "expected one of backend-1, postgres" in capsys.readouterr().err


def test_without_a_stack_the_exit_code_is_4(tmp_path: Path, capsys):
    assert run(["logs", "--home", str(tmp_path)]) == 4
    assert "lab up" in capsys.readouterr().err


def test_following_gives_whole_lines_and_ends_with_the_stack(home: Path, monkeypatch):
    log = home / "logs" / "backend-1.log"
    steps = iter(["four\nfi", "ve\n", None])

    def alive(_self: Supervision) -> bool:
        step = next(steps)
        if step is None:
            return False
        with log.open("a") as out:
            out.write(step)
        return True

    monkeypatch.setattr(Supervision, "alive", alive)
    assert [line for _, line in followed([log], Supervision(home))] == ["four", "five"]


def test_following_survives_a_rotated_log(home: Path, monkeypatch):
    log = home / "logs" / "backend-1.log"
    steps = iter([True, False])

    def alive(_self: Supervision) -> bool:
        if step := next(steps):
            os.truncate(log, 0)
            log.write_text("new\n")
        return step

    monkeypatch.setattr(Supervision, "alive", alive)
    assert [line for _, line in followed([log], Supervision(home))] == ["new"]
