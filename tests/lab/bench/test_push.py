"""The push benchmark: its arithmetic, and one short run of the whole of it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.bench.push.page import goal, page, reached, rows
from lab.bench.push.result import BARE, SERVICE, Gap, Idle, Push, PushResult
from tests.lab.bench.made_up import MACHINE


def made_up(stuck_seconds: float = 0.05, rounds: int = 3) -> PushResult:
    pushes = [
        Push(name, number, rate, 2000, 2000 - (number == 3), cost * number, in_time, 2.5, 800)
        for name in (SERVICE, BARE)
        for rate, cost, in_time in ((1000.0, 0.025, 2000), (5000.0, 0.02, 1999))
        for number in (1, 2, 3)
    ]
    gaps = [
        Gap(name, number, stuck, 100.0, 400, seconds, 1006 if stuck else 0)
        for number in range(rounds)
        for name, stuck, seconds in (
            *((SERVICE, False, 0.02), (SERVICE, True, stuck_seconds)),
            *((BARE, False, 2.0), (BARE, True, 2.0)),
        )
    ]
    idle = [Idle(name, 1000, 10_000_000, 10_000_000 + 1000 * 15 * 1024) for name in (SERVICE, BARE)]
    return PushResult(
        *("lab bench push", MACHINE, "2026-11-21T21:17:01+00:00", "postgres", 1000, 2.0, 4.0),
        *(pushes, gaps, idle, None, {}),
    )


def test_rows_hold_median_and_span():
    result = made_up()
    assert rows(result)[1][1] == "0.0200 (0.0100 .. 0.0300)"
    assert rows(result)[2][1] == "15.0"
    assert rows(result)[-1][1:] == ("0.050 (0.050 .. 0.050)", "2.000 (2.000 .. 2.000)")


def test_what_did_not_arrive_is_counted_and_told():
    assert made_up().lost == 2
    assert "did not arrive: 2." in page(made_up(), "push.json")
    assert "closed with 1006" in page(made_up(), "push.json")
    assert "commit abc, with changes that are not committed" in page(made_up(), "push.json")


def test_a_full_process_is_marked_with_what_it_did_in_time():
    slow, full = reached(made_up())
    assert slow[:2] == ("1,000", "800/s, 2.5 a frame")
    assert full[1].endswith("; saturated: 1,999 of 10,000 in time")


def test_the_page_says_where_a_delivery_costs_what_it_should():
    assert "that holds at 5,000 deliveries/s (saturated at 5,000 deliveries/s), and not at 1,000" in (
        goal(made_up())
    )


@pytest.mark.parametrize(
    ("stuck_seconds", "rounds", "wrong"), [(0.09, 3, False), (0.11, 3, True), (0.9, 1, False), (1.1, 1, True)]
)
def test_a_stuck_reader_that_holds_up_the_others_is_a_failure(stuck_seconds: float, rounds: int, wrong: bool):
    assert bool(made_up(stuck_seconds, rounds).held_up()) is wrong


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
