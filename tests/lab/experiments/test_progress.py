"""A pull says what it does, how long that takes at most, and the interval as it narrows."""

import re
from io import StringIO

import pytest
from rich.console import Console

from lab.experiments.progress import Shown
from lab.experiments.session import Progress, run_session
from lab.trials.journal import Journal
from tests.lab.experiments.fakes import FakeRig, plan

INTERVAL = re.compile(r"CPU per 1,000 ([+-][\d.]+) % \(([+-][\d.]+) % to ([+-][\d.]+) %, so far\)")


def progress(done, doing="round 3"):
    return Progress(doing, done, 30, plan(), ())


def interval_of(line):
    """Middle, low and high as the line says them."""
    found = INTERVAL.search(line)
    assert found, line
    return tuple(map(float, found.groups()))


@pytest.fixture
def out():
    return StringIO()


@pytest.fixture
def shown(out):
    with Shown(Console(file=out, width=200)) as found:
        yield found


def test_before_a_round_was_measured_nobody_knows_how_long_it_takes(shown):
    assert shown.line(progress(0, "round 1"), now=100.0) == "round 1 of at most 30"


def test_the_time_left_follows_from_the_rounds_so_far(shown):
    shown.line(progress(0), now=100.0)
    assert shown.line(progress(2), now=160.0).endswith("at most 14.0 min left")  # 28 rounds of 30 s
    assert shown.line(progress(20), now=300.0).endswith("at most 1.7 min left")  # 10 rounds of 10 s


def test_rounds_that_an_interrupted_session_left_took_no_time_now(shown):
    assert "left" not in shown.line(progress(10), now=100.0)
    assert shown.line(progress(12), now=160.0).endswith("at most 9.0 min left")  # 18 rounds of 30 s


async def test_the_interval_is_shown_from_five_rounds_on_and_narrows(shown, out, tmp_path):
    the_plan = plan(also=())
    journal = Journal.begin(tmp_path / "j.jsonl", the_plan.as_json())
    verdicts = await run_session(the_plan, FakeRig(effect=1.1, spread=0.15), journal, shown.see)
    lines = out.getvalue().splitlines()
    assert len(lines) == len({one.round for one in journal.observations})
    assert not any("so far" in line for line in lines[:5])
    found = [interval_of(line) for line in lines[5:]]
    assert all(low <= middle <= high for middle, low, high in found)
    widths = [high - low for _, low, high in found]
    assert widths[-1] < widths[0] / 1.5
    assert verdicts[0].effect
    assert found[-1][0] == pytest.approx((verdicts[0].effect.ratio - 1) * 100, abs=3)


def test_words_in_brackets_are_shown_as_they_are(shown, out):
    shown.see(progress(0, "round 1 once more ([red] 1.0 of 2)"))
    assert "([red] 1.0 of 2) of at most 30" in out.getvalue()


def test_on_a_terminal_the_line_changes_in_its_place_and_goes_in_the_end(out):
    terminal = Console(file=out, force_terminal=True, width=200, _environ={"TERM": "xterm"})
    with Shown(terminal) as found:
        found.see(progress(0, "round 1"))
        found.see(progress(1, "round 2 [b]"))
    text = out.getvalue()
    assert "round 2 [b] of at most 30" in text
    assert text.count("\n") == 1
    assert text.rindex("\x1b[2K") > text.rindex("round"), "the last line was not taken away"
