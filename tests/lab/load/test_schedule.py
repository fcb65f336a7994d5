"""The schedule: drawn from the seed alone, Poisson, fair to the sides, and split without a rest."""

import uuid
from collections import Counter

import numpy as np
import pytest

from lab.load.frames import MessageIds
from lab.load.jobs import make_jobs, side_of_devices
from lab.load.plan import OPERATIONS, LoadPlan, Targets
from lab.load.population import Dialog, Population
from lab.load.schedule import HAND, Schedule, arrivals, make_schedule
from tests.lab.load.made_up import stack
from wire.message import dialog_id_of


def _schedule(seed: int = 1, rate: float = 500, sides: int = 2) -> Schedule:
    return make_schedule(rate, 20, seed, shares={"send": 0.75, "list": 0.25}, sides=sides, dialogs=30)


def test_same_seed_gives_the_same_schedule():
    one, other = _schedule(), _schedule()
    for name in vars(one):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_another_seed_gives_another_schedule():
    one, other = _schedule(1), _schedule(2)
    assert len(one) != len(other) or not np.array_equal(one.due, other.due)
    assert one.draw[0] != other.draw[0]


@pytest.mark.parametrize("seed", range(5))
def test_arrivals_are_a_poisson_process(seed):
    due = arrivals(1000, 30, np.random.default_rng(seed))
    assert (np.diff(due) >= 0).all() and due[-1] < 30
    assert len(due) == pytest.approx(30_000, abs=5 * 30_000**0.5)
    counts = np.bincount(due.astype(int))
    assert 0.3 < counts.var() / counts.mean() < 2.2  # 1 for Poisson, 0 for a metronome
    gaps = np.diff(due)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.05)


def test_sides_and_operations_are_drawn_by_their_shares():
    schedule = _schedule()
    assert (schedule.side == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (schedule.operation == OPERATIONS.index("send")).mean() == pytest.approx(0.75, abs=0.03)
    for side in (0, 1):
        turns = schedule.turn[schedule.side == side]
        assert np.array_equal(turns, np.arange(len(turns)))


@pytest.mark.parametrize("sides", [1, 2, 3])
def test_every_side_gets_as_many_arrivals_of_each_operation_and_which_is_left_to_chance(sides):
    schedule = _schedule(sides=sides)
    for operation in np.unique(schedule.operation):
        own = schedule.side[schedule.operation == operation]
        for part in (own, own[: len(own) // 3]):  # within a warm-up as well
            counts = np.bincount(part, minlength=sides)
            assert counts.max() - counts.min() <= HAND, counts
        runs = np.flatnonzero(np.diff(own)).size / len(own)
        assert runs == pytest.approx(1 - 1 / sides, abs=0.08)  # not in turn, which would be 1


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_all_arrivals_and_devices_without_a_rest(processes):
    schedule = _schedule()
    dialogs = [Dialog(dialog_id_of(n, n + 100), n, n + 100, 0) for n in range(1, 31)]
    people = Population(dialogs, [1, 101, 2, 102, 3])
    plan = LoadPlan(stack=stack(), processes=processes)
    jobs = make_jobs(plan, people, schedule, uuid.UUID(int=0))
    numbers = np.concatenate([np.frombuffer(job.number, "<u4") for job in jobs])
    assert sorted(numbers) == list(range(len(schedule)))
    assert sorted(one.number for job in jobs for one in job.listeners) == list(range(5))


def test_deliveries_count_for_the_devices_side_only_where_sides_have_services_of_their_own():
    people = Population([Dialog(dialog_id_of(1, 2), 1, 2, 0)], [1, 2])
    shared = {name: Targets(("http://x",), ("ws://x/ws",)) for name in "ab"}
    assert side_of_devices(LoadPlan(stack=stack(), sides=shared), people) is None
    own = {name: Targets(("http://x",), (f"ws://{name}/ws",)) for name in "ab"}
    found = side_of_devices(LoadPlan(stack=stack(), sides=own, seed=0), people)
    assert found is not None and found.tolist() == [0, 1]


def test_no_side_of_a_duet_is_owed_more_deliveries_and_what_is_left_over_goes_round():
    """User 1 is in four of the dialogs; all but these eight people only listen."""
    pairs = [(1, 4), (1, 7), (1, 10), (1, 13), (4, 7), (2, 5), (16, 19), (16, 22)]
    people = Population([Dialog(dialog_id_of(*pair), *pair, 0) for pair in pairs], list(range(1, 31)))
    own = {name: Targets(("http://x",), (f"ws://{name}/ws",)) for name in ("a", "a2", "b")}
    most = []
    for seed in range(3):
        plan = LoadPlan(stack=stack(), sides=own, seed=seed)
        found = side_of_devices(plan, people)
        assert found is not None
        side = dict(zip(people.listeners, found.tolist(), strict=True))
        owed = Counter(side[user] for pair in pairs for user in pair)
        assert sorted(owed.values()) == [5, 5, 6]
        idle = Counter(side[user] for user in people.listeners if not any(user in pair for pair in pairs))
        assert max(idle.values()) - min(idle.values()) <= 1
        most.append(max(owed, key=lambda one: owed[one]))
    assert sorted(most) == [0, 1, 2]


def test_message_ids_are_uuid7_of_their_run_and_carry_the_number():
    ids = MessageIds(MessageIds.new_run(1_795_000_000.5, 0x3FF_FFFF_FFFF))
    found = uuid.UUID(ids.text(70_000))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == 1_795_000_000_500
    assert ids.number(str(found)) == ids.number(found.bytes) == 70_000
    other = MessageIds(MessageIds.new_run(1_795_000_000.5, 1))
    assert other.number(str(found)) == other.number(found.bytes) == -1
