"""The instrument on a real stack: a planted tenth is found, and its size; a stall is seen; A/A is silent."""

from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from lab.errors import VoidResult
from lab.experiments.arrangement import arrange
from lab.experiments.audit import check_sides
from lab.experiments.rig import StackRig, seed
from lab.experiments.session import run_session
from lab.load.plan import LoadPlan
from lab.load.run import run_load
from lab.load.stall import stall_test
from lab.stack.host import running
from lab.trials.journal import Journal
from lab.trials.observation import Observation, floor_pairs_of, pairs_of
from lab.trials.schedule import SIDES, Step
from lab.verdict import Record, Verdict, judge
from tests.lab.experiments.fakes import plan

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

PLANTED = 0.10  # of what A uses for a request, as measured just before
CALM = 0.04  # A against A within this, and an interval no wider to either side: a tenth must be found then
DIFFERENT = ("better", "worse")
TOGETHER = Step(0, 0, 0, SIDES, False)
PLAN = plan(
    rate=240.0, trial_seconds=4.0, warm_up_seconds=1.0, looks=(12,), also=(), users=300, messages=3_000
)


@pytest.fixture(scope="module")
def burn(tmp_path_factory):
    """The file that says how long B burns CPU at each request, once it is there and B is started anew."""
    return tmp_path_factory.mktemp("burn") / "microseconds"


class PlantedRig(StackRig):
    """A duet whose three sides have the same settings; whichever process is B carries the plant."""

    burn: Path

    def settings_of(self, side):
        return {"BURN": str(self.burn) if side == "b" else "/nowhere"}

    def audit(self):
        """Without a word: nothing that a process reports differs."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory, burn):
    arrangement = arrange(PLAN, tmp_path_factory.mktemp("rig"))
    plants = {"PYTHONPATH": str(Path(__file__).parent / "planted"), "BURN": "/nowhere"}
    request = arrangement.stacks["duet"]
    request = replace(request, own_levers=dict.fromkeys(request.own_levers, plants))
    with running(request) as stack:
        seed(stack, PLAN)
        found = PlantedRig(PLAN, arrangement, {"duet": stack}, run_load)
        found.burn = burn
        yield found


async def test_before_a_run_the_generator_sees_a_small_server_stall(rig):
    record = await rig.run(["a"], 50, 2, 1, stall_test=True)
    assert record.stall_test is not None
    assert record.stall_test.ok, record.stall_test


async def test_a_small_server_stalled_for_two_seconds_is_a_p99_above_one(rig):
    seen = await stall_test(LoadPlan(stack=rig.stack_of("a"), rate=200), stall=2.0)
    assert seen.ok, seen
    assert seen.p99 is not None and seen.p99 > 1.0


async def session(rig: StackRig, journal: Path, seed: int) -> tuple[Verdict, list[Observation]]:
    """The verdict about the planted side, and all that was observed."""
    kept = Journal.begin(journal, PLAN.as_json())
    [verdict] = await run_session(replace(PLAN, seed=seed), rig, kept, lambda progress: None)
    return verdict, kept.observations


def of_twins(observations: list[Observation]) -> Verdict:
    """A against a2 as if a lever lay between them, with the smallest margin that there is."""
    pairs = floor_pairs_of(observations, "cpu_per_1k")
    no_noise = [replace(pair, b=pair.a) for pair in pairs]
    return judge(Record("cpu_per_1k", pairs, no_noise, looks=PLAN.looks), "A", "its twin")


async def test_a_planted_tenth_is_found_with_its_size_and_a_against_a_is_silent(rig, burn, tmp_path):
    own = {one.side: one.metrics["cpu_per_1k"] for one in await rig.measure(TOGETHER, 1)}
    # ms per 1,000 requests are microseconds a request
    planted = PLANTED * (own["a"] + own["a2"]) / 2
    burn.write_text(str(planted))
    for number in range(2):  # a busy minute of a shared machine is forgiven once
        verdict, observations = await session(rig, tmp_path / f"{number}.jsonl", PLAN.seed + number)
        if verdict.effect is None:
            assert any(not guard.ok for guard in verdict.guards), verdict  # nothing else may take it away
            continue
        expected = 1 + planted / median(pair.a for pair in pairs_of(observations, "cpu_per_1k"))
        assert verdict.word in ("worse", "no difference shown"), verdict
        assert verdict.effect.low <= expected + 0.05 and verdict.effect.high >= expected - 0.05, verdict
        if verdict.word == "worse" or calm(verdict):
            break
    else:
        pytest.skip(
            f"in two sessions a guard failed or the noise was {CALM:.0%} or more, on this machine: "
            f"not shown that a tenth is found and that twins are alike ({verdict.sentence})"
        )
    assert verdict.effect is not None and verdict.word == "worse", verdict
    assert verdict.effect.ratio == pytest.approx(expected, abs=0.05)
    twins = of_twins(observations)
    if twins.word in DIFFERENT:  # as one session in twenty may be; two would be a bias of the instrument
        twins = of_twins((await session(rig, tmp_path / "twins.jsonl", PLAN.seed + 2))[1])
    assert twins.word not in DIFFERENT, twins


def calm(verdict: Verdict) -> bool:
    """Whether the machine was quiet enough for a tenth to be told."""
    assert verdict.effect is not None and verdict.floor is not None
    width = max(verdict.effect.high - verdict.effect.ratio, verdict.effect.ratio - verdict.effect.low)
    return verdict.floor.largest_change < CALM and width < CALM


def test_sides_that_were_to_differ_and_do_not_are_refused(rig):
    with pytest.raises(VoidResult, match="both run with uvloop"):
        check_sides("event_loop", "event_loop", ("uvloop", "asyncio"), rig.effective())
