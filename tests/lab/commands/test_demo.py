"""`lab demo`, as a newcomer runs it: a process of its own, in another folder, interrupted, refused."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.load.record import load
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.supervision import Supervision

pytestmark = [pytest.mark.stack, pytest.mark.integration, pytest.mark.timeout(400)]


class Demo:
    """One `lab demo` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.results = folder / "results"

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lab.cli", "demo", "--rate", "40", "--users", "50", *words]
        folders = ["--home", str(self.home), "--results", str(self.results)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        return subprocess.Popen(
            [*command, *folders],
            cwd="/",
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        said, _ = process.communicate(timeout=360)
        return process.returncode, said

    def left(self) -> list[psutil.Process]:
        return Supervision(self.home).strays()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    made = Demo(tmp_path)
    yield made
    assert made.left() == []
    assert not made.home.exists()


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read what the process says up to a line with these words."""
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return "".join(said)
    pytest.fail(f"it ended without saying '{words}':\n{''.join(said)}")


def test_it_ends_with_a_table_and_a_report(demo: Demo):
    code, said = demo.run("--seconds", "3")
    page = Path(re.findall(r"^report: (/.*\.html)$", said, re.MULTILINE)[-1])
    record = load(page.with_suffix(".json"))
    # 3: this machine was too busy for the figures to count; the ledger has to be clean all the same.
    assert code == (0 if record.valid else 3), said
    assert record.ledger.clean
    assert record.ledger.acknowledged > 0
    assert "<title>" in page.read_text()
    assert "nothing is left running" in said


def test_ctrl_c_during_the_load_ends_it_early_with_a_report(demo: Demo):
    process = demo.start("--seconds", "240")
    until(process, "ok/s")
    process.send_signal(signal.SIGINT)
    said = until(process, "report: ")
    assert process.wait(120) == 130
    assert "interrupted" in said
    page = Path(said.rsplit("report: ", 1)[1].strip())
    assert load(page.with_suffix(".json")).interrupted


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_stack_starts_leaves_nothing(demo: Demo, number: signal.Signals, code: int):
    process = demo.start("--seconds", "240")
    until(process, "postgres is up")
    process.send_signal(number)
    assert process.wait(120) == code


@pytest.mark.slow
def test_sigterm_during_the_load_leaves_nothing(demo: Demo):
    process = demo.start("--seconds", "240")
    until(process, "ok/s")
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 143


def test_a_demo_beside_another_is_refused_in_one_line(tmp_path: Path):
    demo = Demo(tmp_path)
    with running(Request(demo.home, api=1, websockets=1)):
        code, said = demo.run("--seconds", "3")
        assert code == 2
        assert "a stack runs in" in said.splitlines()[-1]


def test_a_wrong_mix_is_refused_before_anything_starts(demo: Demo):
    code, said = demo.run("--mix", "tea")
    assert code == 2
    assert "expected one of send" in said
    assert "postgres is up" not in said
