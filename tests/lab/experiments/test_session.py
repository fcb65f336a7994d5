"""A session stops when it knows, goes on where it was interrupted, and refuses what it cannot trust."""

from dataclasses import replace

import pytest

from lab.experiments.meter import OWN_WORK
from lab.experiments.plan import plan_from
from lab.experiments.session import Progress, again_of, guards_for, run_session
from lab.trials.journal import Journal
from lab.verdict import Guard
from tests.lab.experiments.fakes import FakeRig, plan


def silent(progress):
    pass


async def pull(tmp_path, rig, **changes):
    the_plan = plan(**changes)
    journal = Journal.begin(tmp_path / "j.jsonl", the_plan.as_json())
    return await run_session(the_plan, rig, journal, silent), journal


async def test_a_clear_effect_stops_at_the_first_look(tmp_path):
    rig = FakeRig(effect=1.3)
    verdicts, _ = await pull(tmp_path, rig)
    assert verdicts[0].word == "worse"
    assert len(rig.measured) == 12
    assert [verdict.metric for verdict in verdicts] == ["cpu_per_1k", "p50", "p99"]


async def test_an_unclear_effect_uses_all_looks(tmp_path):
    rig = FakeRig(effect=1.0, spread=0.5)
    verdicts, _ = await pull(tmp_path, rig)
    assert len(rig.measured) == 30
    assert verdicts[0].word == "no difference shown"


async def test_each_round_of_a_duet_has_processes_of_its_own_and_the_sides_change_places(tmp_path):
    rig = FakeRig(effect=1.3)
    await pull(tmp_path, rig)
    assert len(rig.renewed) == 12
    assert rig.renewed == [step.sides for step, _ in rig.measured]
    assert {order.index("b") for order in rig.renewed} == {0, 1, 2}


async def test_the_stacks_of_abab_are_renewed_together_every_third_round(tmp_path):
    rig = FakeRig(effect=1.3)
    await pull(tmp_path, rig, design="abab", renew_every=3)
    assert rig.renewed == [("a", "a2", "b")] * 4


async def test_an_order_biased_rig_gets_no_verdict(tmp_path):
    verdicts, _ = await pull(tmp_path, FakeRig(order_bias=1.2), design="abab")
    assert verdicts[0].word in ("INVALID", "no difference shown")


async def test_a_round_with_a_failed_guard_is_thrown_away_and_measured_again(tmp_path):
    rig = FakeRig(effect=1.3, failing={4, 5})
    verdicts, journal = await pull(tmp_path, rig)
    assert verdicts[0].word == "worse"
    assert len(rig.measured) == 14
    assert all(guard.ok for one in journal.observations for guard in one.guards)
    assert again_of(journal.observations) == {4: ["achieved 0.7 of the offered rate, 0.99 is the least"] * 2}
    assert [one.name for one in verdicts[0].caveats] == ["measured again"]


async def test_too_many_rounds_measured_again_are_a_choice_of_quiet_minutes(tmp_path):
    verdicts, _ = await pull(tmp_path, FakeRig(effect=1.3, failing={1, 4, 8}))
    assert verdicts[0].word == "INVALID"
    assert "3 of 12 rounds had to be measured again" in verdicts[0].sentence


async def test_a_guard_that_fails_a_third_time_makes_the_session_invalid(tmp_path):
    verdicts, _ = await pull(tmp_path, FakeRig(effect=1.3, failing={4, 5, 6}))
    assert verdicts[0].word == "INVALID"
    assert "0.7" in verdicts[0].sentence


async def test_an_interrupted_session_goes_on(tmp_path):
    class Interrupted(FakeRig):
        async def measure(self, step, seed):
            if len(self.measured) == 5:
                raise KeyboardInterrupt
            return await super().measure(step, seed)

    with pytest.raises(KeyboardInterrupt):
        await pull(tmp_path, Interrupted(effect=1.3))
    rig = FakeRig(effect=1.3)
    journal = Journal.resume(tmp_path / "j.jsonl", plan().as_json())
    verdicts = await run_session(plan(), rig, journal, silent)
    assert verdicts[0].word == "worse"
    assert len(rig.measured) == 7
    assert sorted(rig.renewed[0]) == ["a", "a2", "b"]


async def test_every_trial_has_its_own_arrivals(tmp_path):
    rig = FakeRig(effect=1.3)
    await pull(tmp_path, rig)
    assert len({seed for _, seed in rig.measured}) == 12


async def test_a_percentile_without_samples_is_invalid_and_leaves_the_rest(tmp_path):
    verdicts, _ = await pull(tmp_path, FakeRig(effect=1.3, samples=500))
    assert [verdict.word for verdict in verdicts] == ["worse", "worse", "INVALID"]


async def test_progress_tells_the_interval_as_it_narrows(tmp_path):
    seen: list[Progress] = []
    the_plan = plan()
    journal = Journal.begin(tmp_path / "j.jsonl", the_plan.as_json())
    await run_session(the_plan, FakeRig(effect=1.3), journal, seen.append)
    assert seen[0].verdict is None
    assert seen[-1].verdict is not None and seen[-1].verdict.effect is not None
    assert seen[-1].done == 11


def test_a_plan_is_read_back_as_it_was():
    assert plan_from(plan().as_json()) == plan()


def test_a_late_generator_takes_latencies_away_and_leaves_cpu():
    late, errors = Guard("generator lag", False, "late by 9 ms"), Guard("errors", False, "2 %")
    assert guards_for("p50", [late, errors]) == [late, errors]
    assert guards_for("cpu_per_1k", [late, errors]) == [errors]


async def test_a_full_machine_and_other_programs_are_said_beside_the_verdict(tmp_path):
    class Crowded(FakeRig):
        async def measure(self, step, seed):
            found = await super().measure(step, seed)
            return [replace(one, pressure=0.9, detail={"others": 0.9, "machine": 0.71}) for one in found]

    verdicts, _ = await pull(tmp_path, Crowded(effect=1.3))
    assert [verdict.word for verdict in verdicts] == ["worse"] * 3
    assert {"pressure", "full machine", "other load"} <= {caveat.name for caveat in verdicts[0].caveats}
    quiet, _ = await pull(tmp_path, FakeRig(effect=1.3))
    assert not {"pressure", "full machine", "other load"} & {caveat.name for caveat in quiet[0].caveats}


@pytest.mark.parametrize(("pressure", "others"), [(0.95, 0.0), (0.2, 1.1)])
async def test_on_a_crowded_machine_latencies_have_no_verdict_and_cpu_has(tmp_path, pressure, others):
    class Crowded(FakeRig):
        async def measure(self, step, seed):
            found = await super().measure(step, seed)
            return [replace(one, pressure=pressure, detail={"others": others}) for one in found]

    verdicts, _ = await pull(tmp_path, Crowded(effect=1.3))
    assert [verdict.word for verdict in verdicts] == ["worse", "INVALID", "INVALID"]
    assert f"other programs used {others:.2f} cores" in verdicts[1].sentence


async def test_a_cpu_figure_says_of_which_processes_it_is(tmp_path):
    assert plan().label("cpu_per_1k_total") == "CPU per 1,000, API and its PostgreSQL"
    assert plan(part="websocket").label("cpu_per_1k") == "CPU per 1,000 deliveries, websocket"
    assert plan(design="abab").label("cpu_per_1k_total") == "CPU per 1,000, all processes"
    assert plan().label("p50") == "p50"
    verdicts, _ = await pull(tmp_path, FakeRig(effect=1.3))
    assert "in CPU per 1,000, API: +" in verdicts[0].sentence


@pytest.mark.parametrize(("own_work", "said"), [(1.0, True), (0.1, False)])
async def test_a_duet_says_what_of_the_database_no_side_is_charged_with(tmp_path, own_work, said):
    """A side costs about 10; standby and checkpoints worked for both."""

    class Shared(FakeRig):
        async def measure(self, step, seed):
            found = await super().measure(step, seed)
            return [
                replace(
                    one,
                    metrics={**one.metrics, "cpu_per_1k_total": one.metrics["cpu_per_1k"]},
                    detail={"cpu": {OWN_WORK: own_work}},
                )
                for one in found
            ]

    verdicts, _ = await pull(tmp_path, Shared(effect=1.3), also=("cpu_per_1k_total",))
    names = {one.metric: {caveat.name for caveat in one.caveats} for one in verdicts}
    assert ("nobody's work" in names["cpu_per_1k_total"]) is said
    assert "nobody's work" not in names["cpu_per_1k"]


@pytest.mark.parametrize(
    ("lever", "wait", "effect", "said"),
    [
        ("event_loop", lambda figure: figure / 20, 1.0, {"p50", "p99"}),
        ("event_loop", lambda figure: figure / 20, 1.9, set()),
        ("event_loop", lambda figure: 1 / figure, 1.0, set()),
        ("event_loop", lambda figure: None, 1.0, set()),
        ("durability", lambda figure: figure / 20, 1.0, set()),
    ],
    ids=["together", "decided", "opposite", "not counted", "asked for"],
)
async def test_a_latency_that_goes_with_the_wait_for_the_disk_says_so(tmp_path, lever, wait, effect, said):
    class OnADisk(FakeRig):
        async def measure(self, step, seed):
            found = await super().measure(step, seed)
            waits = [wait(one.metrics["p50"]) for one in found]
            told = [{"log_sync_ms": one} if one else {} for one in waits]
            return [
                replace(
                    one, metrics={**one.metrics, "p99": one.metrics["p50"] * 3}, detail={"counted": counted}
                )
                for one, counted in zip(found, told, strict=True)
            ]

    values = {"values": ("on", "off")} if lever == "durability" else {}
    rig = OnADisk(effect=effect, spread=0.1)
    verdicts, _ = await pull(tmp_path, rig, design="abab", lever=lever, looks=(12,), **values)
    assert {one.metric for one in verdicts if "the disk" in {caveat.name for caveat in one.caveats}} == said


async def test_a_twin_that_differs_is_asked_as_well(tmp_path):
    class Biased(FakeRig):
        def _figures(self, side, step):
            found = super()._figures(side, step)
            return {name: value * (1.05 if side == "a2" else 1.0) for name, value in found.items()}

    verdicts, _ = await pull(tmp_path, Biased(effect=1.3, spread=0.005))
    assert verdicts[0].word == "worse"
    verdicts, _ = await pull(tmp_path, Biased(effect=1.075, spread=0.005))
    assert verdicts[0].word == "no difference shown"
    assert (
        verdicts[0].sentence.partition(" was seen, ")[2].startswith("and asyncio against the twin of uvloop")
    )
