"""`lab compare` and `lab history` read result files, and refuse what does not belong together."""

from dataclasses import replace

import pytest

from lab.cli import run
from lab.commands import history
from tests.lab.report.made_up_pulls import made_up

MACHINE = {"cpu": "x", "cores": 2, "memory_bytes": 1, "kernel": "6", "container": False, "commit": "abc"}


@pytest.fixture(scope="module")
def one():
    return replace(made_up(), fingerprint=MACHINE)


def files(tmp_path, *results):
    return [str(result.save(tmp_path / f"{number}.json")) for number, result in enumerate(results)]


def test_two_results_of_one_question_are_compared(tmp_path, capsys, one):
    later = replace(one, fingerprint={**MACHINE, "commit": "def"})
    assert run(["compare", *files(tmp_path, one, later)]) == 0
    out = capsys.readouterr().out
    assert "commit: abc -> def" in out
    assert "agree" in out


def test_an_answer_that_changed_is_said(tmp_path, capsys, one):
    later = replace(made_up(effect=1.02), fingerprint=MACHINE)
    assert run(["compare", *files(tmp_path, one, later)]) == 0
    assert "the answer" in capsys.readouterr().out


def test_another_machine_is_refused(tmp_path, capsys, one):
    other = replace(one, fingerprint={**MACHINE, "cores": 8})
    assert run(["compare", *files(tmp_path, one, other)]) == 2
    assert "not of one machine: cores 2 and 8" in capsys.readouterr().err


def test_another_question_is_refused(tmp_path, capsys, one):
    other = replace(one, plan={**one.plan, "rate": 900.0})
    assert run(["compare", *files(tmp_path, one, other)]) == 2
    assert "rate 500.0 and 900.0; give both the same --rate" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["compare", "{}", "{}"], ["plan", "--result", "{}"]])
def test_what_is_no_result_is_refused_in_one_line(words, tmp_path, capsys):
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff")
    for name, reason in (
        ("", "Is a directory"),
        ("none.json", "No such file"),
        ("picture.json", "is not the"),
    ):
        assert run([word.replace("{}", str(tmp_path / name)) for word in words]) == 2
        assert reason in capsys.readouterr().err


def test_history_lists_verdict_and_interval(capsys, monkeypatch, tmp_path, one):
    monkeypatch.setattr(history, "results_of", lambda name: [(tmp_path, one)])
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["history", "event-loop"]) == 0
    assert "▼ worse" in capsys.readouterr().out
