"""`lab doctor`: what can run here, and what would mend the rest."""

import json
from pathlib import Path

import pytest

from lab.cli import run
from lab.stack import citus, doctor, nats, rabbitmq, redis
from lab.stack.modes import MODES


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any server."""
    monkeypatch.setattr(doctor, "which", lambda program: None)
    monkeypatch.setattr(rabbitmq, "scripts", lambda: None)
    for server in (nats, redis):
        monkeypatch.setattr(server, "program", lambda: None)


def test_every_run_mode_is_looked_at(capsys):
    assert run(["doctor", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"every mode", "docker", *MODES}


def test_the_modes_that_need_only_python_can_run_here(capsys):
    for mode in ("single", "multi"):
        assert run(["doctor", mode]) == 0
        assert f"can run here: {mode}" in capsys.readouterr().out


@pytest.mark.usefixtures("bare")
def test_what_lacks_stands_with_the_command_that_mends_it(capsys):
    assert run(["doctor", "stack"]) == 1
    said = capsys.readouterr().out
    for package in ("rabbitmq-server", "haproxy", "nats-server", "redis-server", "openssl"):
        assert f"mend it: apt-get install {package}" in said
    assert "can run here: nothing" in said


@pytest.mark.usefixtures("bare")
def test_a_server_that_one_setting_asks_for_keeps_no_mode_from_running(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "which", lambda program: "/bin/true")
    assert run(["doctor", "multi"]) == 0
    assert "nats-server: missing; only BROKER=nats asks for it" in capsys.readouterr().out


@pytest.mark.usefixtures("bare")
def test_docker_without_docker_is_no_traceback(capsys):
    assert run(["doctor", "docker"]) == 1
    assert "docker is missing" in capsys.readouterr().out


@pytest.mark.parametrize("found", [Path("/usr/pgsql-17/bin"), None])
def test_the_doctor_finds_citus_where_a_stack_does(found, monkeypatch):
    monkeypatch.setattr(citus, "find", lambda: found)
    seen = doctor.citus_extension()
    assert seen.ok is (found is not None)
    assert (str(found) in seen.found) is seen.ok


def test_an_unknown_mode_is_one_line_that_names_the_known(capsys):
    assert run(["doctor", "cloud"]) == 2
    assert "expected one of single, multi" in capsys.readouterr().err
