"""`lab load` from the command line: words for shares, exit codes, a result that Ctrl-C does not lose."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hl_utils import seeding
from lab.commands.load import _again, command, parse_mix
from lab.errors import UsageError
from lab.load import record
from lab.load.locust_command import as_locust
from lab.load.plan import LoadPlan
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from tests.lab.load.made_up import stack as made_up_stack


def test_mix_is_a_word_or_shares():
    assert parse_mix("chat") == "chat"
    assert parse_mix("send=2, list=1") == {"send": 2.0, "list": 1.0}
    with pytest.raises(UsageError, match="expected operation=share"):
        parse_mix("send=much")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mix": "talk"}, "mix 'talk': expected one of send"),
        ({"mix": {"talk": 1.0}}, "operation 'talk': expected one of"),
        ({"mix": {"send": 0.0}}, "at least one above 0"),
        ({"rate": 0}, "rate 0: expected 0.1 or more"),
        ({"rate": float("nan")}, "rate nan"),
        ({"duration": 0.5}, "duration 0.5: expected 1 or more"),
        ({"content_characters": 5000}, "at most 4096"),
        ({"retries": -1}, "retries -1"),
        ({"processes": 0}, "generator processes 0"),
    ],
)
def test_plan_that_cannot_be_is_refused_in_one_line(change, words):
    with pytest.raises(UsageError, match=words):
        LoadPlan(stack=made_up_stack(), **change).check()


def test_command_to_repeat_a_run_names_what_is_not_usual():
    plan = LoadPlan(stack=made_up_stack(), rate=300, sockets=10, timeout=2.5, encoding="msgpack")
    assert _again(plan, "send") == (
        "lab load --rate 300 --seconds 10 --seed 1 --mix send --sockets 10 --encoding msgpack --timeout 2.5"
    )


def test_locust_gets_the_same_rate_by_people():
    found = as_locust(LoadPlan(stack=made_up_stack(), rate=40, mix={"send": 3, "list": 1}))
    assert found.people * found.actions_per_second == pytest.approx(40)
    assert found.mix == "send=0.75,history=0.25"
    with pytest.raises(UsageError, match="list_deep"):
        as_locust(LoadPlan(stack=made_up_stack(), mix="list_deep"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "x.json", "--warm-up", "1"], "--output, --warm-up: expected some of --rate, --seconds"),
        (["--sockets", "50"], "--sockets: expected"),
    ],
)
def test_options_that_locust_would_ignore_are_refused(options, words, monkeypatch):
    """Which were given, the command line knows: a default is no wish."""
    given: list[str] = []
    monkeypatch.setattr(StackDescription, "load", lambda home: made_up_stack())
    monkeypatch.setattr("lab.load.locust_command.run_with_locust", lambda plan, console: given.append("run"))
    app = typer.Typer()
    app.command()(command)
    usual = ["--engine", "locust", "--rate", "10", "--seed", "3", "--sockets", "0", "--no-progress"]
    result = CliRunner().invoke(app, [*usual, *options])
    assert isinstance(result.exception, UsageError) and words in str(result.exception)
    assert CliRunner().invoke(app, usual).exception is None
    assert given == ["run"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDescription]:
    home = tmp_path_factory.mktemp("command") / "home"
    with running(Request(home, mode="single")) as description:
        people = seeding.planned(40, None, None, 1)
        seeding.run(people, "en_US", "password", seeding.connection(description.postgres.dsn))
        yield description


def _command(stack: StackDescription, output: Path, *options: str) -> list[str]:
    usual = [
        "--home",
        str(stack.home),
        "--output",
        str(output),
        "--no-stall-test",
        "--sockets",
        "10",
        "--settle",
        "60",
    ]
    return [sys.executable, "-m", "lab.cli", "load", *usual, *options]


@pytest.mark.stack
def test_result_and_report_are_written(stack, tmp_path):
    output = tmp_path / "r.json"
    command = _command(stack, output, "--rate", "40", "--seconds", "2", "--warm-up", "0.5")
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    run = record.load(output)
    assert done.returncode == (0 if run.valid else 3), done.stderr
    assert run.ledger.clean and run.command.startswith("lab load --rate 40")
    assert "result:" in done.stdout and (tmp_path / "r.html").read_text().startswith("<!doctype html")


@pytest.mark.stack
def test_load_above_what_is_possible_ends_with_exit_code_3(stack, tmp_path):
    options = ("--rate", "500", "--seconds", "1", "--warm-up", "0", "--in-flight", "1", "--no-report")
    done = subprocess.run(
        _command(stack, tmp_path, *options),  # a folder
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 3
    assert "the figures do not count: " in done.stderr
    [output] = tmp_path.glob("load-*.json")
    assert not record.load(output).valid


@pytest.mark.stack
async def test_interrupted_load_keeps_what_it_has(stack, tmp_path):
    output = tmp_path / "r.json"
    command = _command(stack, output, "--rate", "40", "--seconds", "200", "--warm-up", "0.2", "--no-report")
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    async with asyncio.timeout(120):
        first = await process.stdout.readline()  # a line every five seconds
    assert b"ok/s" in first
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(80):
        await process.communicate()
    assert process.returncode == 130
    run = record.load(output)
    assert run.interrupted and 4 < run.measured_seconds < 90 and run.total.ok > 0 and run.ledger.clean
