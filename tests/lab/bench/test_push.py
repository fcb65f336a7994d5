"""The push benchmark: its arithmetic, and one short run of the whole of it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.bench.push.result import BARE, SERVICE, Gap, Idle, Push, PushResult, page, rows


def made_up() -> PushResult:
    pushes = [
        Push(name, number, 1000.0, 2000, 2000 - (number == 3), 0.02 * number)
        for name in (SERVICE, BARE)
        for number in (1, 2, 3)
    ]
    gaps = [
        Gap(name, 1, stuck, 100.0, 400, 0.05 if name == SERVICE else 2.0, 1006 if stuck else 0)
        for name in (SERVICE, BARE)
        for stuck in (False, True)
    ]
    idle = [Idle(name, 1000, 10_000_000, 10_000_000 + 1000 * 15 * 1024) for name in (SERVICE, BARE)]
    machine = {"cpu": "a cpu", "cores": 2, "system": "a system", "python": "3"}
    return PushResult(
        *("lab bench push", machine, "now", "postgres", 1000, 2.0, 4.0, pushes, gaps, idle, None, {})
    )


def test_rows_hold_median_and_span():
    result = made_up()
    assert rows(result)[0][1] == "0.0200 (0.0100 .. 0.0300)"
    assert rows(result)[1][1] == "15.0"
    assert rows(result)[-1][1:] == ("0.050 (0.050 .. 0.050)", "2.000 (2.000 .. 2.000)")


def test_what_did_not_arrive_is_counted_and_told():
    assert made_up().lost == 1
    assert "did not arrive: 1." in page(made_up(), "push.json")
    assert "closed with 1006" in page(made_up(), "push.json")


@pytest.mark.slow
@pytest.mark.stack
@pytest.mark.parametrize(
    ("transport", "words"),
    [("tcp", "over TCP"), pytest.param("unix", "over its unix socket", marks=pytest.mark.haproxy)],
)
def test_a_short_run_measures_everything(tmp_path: Path, transport: str, words: str):
    from lab.cli import build

    output = tmp_path / "push.json"
    asked = ["bench", "push", "--smoke", "--transport", transport, "--output", str(output)]
    result = CliRunner().invoke(build("bench"), asked)
    assert result.exit_code == 0, result.output
    assert words in output.with_suffix(".md").read_text()
    assert "longest silence of the others, one client does not read" in output.with_suffix(".md").read_text()
