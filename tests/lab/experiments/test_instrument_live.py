"""The instrument on a real stack: a planted loop is found, and its size; a stall is seen; A/A is silent."""

from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from lab.errors import VoidResult
from lab.experiments.arrangement import arrange
from lab.experiments.audit import check_sides
from lab.experiments.rig import StackRig, seed
from lab.experiments.session import run_session
from lab.load.run import run_load
from lab.stack.host import running
from lab.trials.journal import Journal
from lab.trials.observation import pairs_of
from tests.lab.experiments.fakes import plan

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

PLANTED_MICROSECONDS = 600.0  # about what a request costs without them: a full machine hides no such thing
PLANT = {
    "PYTHONPATH": str(Path(__file__).parent / "planted"),
    "BURN_MICROSECONDS": f"{PLANTED_MICROSECONDS:g}",
}
PLAN = plan(
    rate=120.0, trial_seconds=4.0, warm_up_seconds=1.0, looks=(6,), also=(), users=300, messages=3_000
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """A duet whose three sides have the same settings; B carries the plant."""
    arrangement = arrange(PLAN, tmp_path_factory.mktemp("rig"))
    request = replace(arrangement.stacks["duet"], own_levers={"backend-3": PLANT})
    with running(request) as stack:
        seed(stack, PLAN)
        yield StackRig(PLAN, arrangement, {"duet": stack}, run_load)


async def test_a_stall_of_the_real_server_is_seen(rig):
    record = await rig.run(["a"], 50, 2, 1, stall_test=True)
    assert record.stall_test is not None
    assert record.stall_test.ok, record.stall_test


async def test_a_planted_loop_is_found_with_its_size_and_a_against_a_is_silent(rig, tmp_path):
    journal = Journal.begin(tmp_path / "j.jsonl", PLAN.as_json())
    [verdict] = await run_session(PLAN, rig, journal, lambda progress: None)
    assert verdict.word == "worse", verdict
    pairs = pairs_of(journal.observations, "cpu_per_1k")
    # ms per 1,000 requests are microseconds a request
    expected = 1 + PLANTED_MICROSECONDS / median(pair.a for pair in pairs)
    assert verdict.effect is not None and verdict.floor is not None
    assert verdict.effect.ratio == pytest.approx(expected, rel=0.15)
    assert abs(verdict.floor.ratio - 1) < 0.15


def test_sides_that_were_to_differ_and_do_not_are_refused(rig):
    with pytest.raises(VoidResult, match="both run with uvloop"):
        check_sides("event_loop", "event_loop", ("uvloop", "asyncio"), rig.effective())
