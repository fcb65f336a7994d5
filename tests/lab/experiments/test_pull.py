"""The instrument's acceptance tests: what it must find, what it must not, and when it must refuse.

The runs are made up, so that the answer is known and hundreds of sessions cost a second; the same on a
real stack with a planted loop: test_instrument_live.py.
"""

import dataclasses
import json
import math
import os
import re

import numpy as np
import pytest

from lab.errors import UsageError, VoidResult
from lab.experiments.machine import fingerprint, other_software
from lab.experiments.plan import plan_from
from lab.experiments.preparation import Question, chosen_values, drafted, needed_seconds
from lab.experiments.pull import command_of, pull
from lab.experiments.result import PullResult
from lab.experiments.result import load as load_result
from lab.experiments.unfinished import Tries, Unfinished
from lab.scaling.capacity import Attempt
from levers.catalogue import lever_named
from tests.lab.experiments.fake_stack import EXAMPLE, STALL_MISSED, FakeLoad, FakeStackRig
from tests.lab.trials.test_journal import fill


def not_saved(result):
    """In place of a file."""


async def ask(
    tmp_path, load, words=("uvloop", "uvloop", "asyncio"), design="duet", save=not_saved, **changes
):
    options = {"rate": 400.0, "trial_seconds": 2.0, "seed": 5, **changes}
    question = Question(lever_named("event_loop"), ("uvloop", "asyncio"), **options)
    draft = dataclasses.replace(drafted(question), design=design)
    rig = FakeStackRig(draft, load, words)
    lines: list[str] = []
    result = await pull(
        question, draft, rig, tell=lines.append, watch=lambda progress: None, save=save, folder=tmp_path
    )
    return result, lines


def head_of(draft, machine, prediction=None):
    """What an interrupted pull wrote before its first figure."""
    times = {"started_at": 0.0, "part_began_at": 0.0, "spent_seconds": 0.0}
    told = {"plan": draft.as_json(), "machine": machine, "capacity": None, "prediction": prediction}
    return {**told, **times}


def load(seed=1, **changes):
    return FakeLoad(np.random.default_rng(seed), **changes)


async def test_a_planted_ten_percent_is_found(tmp_path):
    for seed in range(10):
        result, _ = await ask(tmp_path, load(seed, effect=1.1))
        assert result.primary.word == "worse"
        assert result.primary.effect.ratio == pytest.approx(1.1, rel=0.03)


async def test_a_against_a_is_silent_in_nine_of_ten_sessions(tmp_path):
    false = 0
    for seed in range(20):
        result, _ = await ask(tmp_path, load(seed, spread=0.05))
        false += result.primary.word in ("better", "worse")
    assert false <= 2


async def test_an_instrument_that_misses_a_stall_measures_nothing(tmp_path):
    with pytest.raises(VoidResult, match="missed a planted stall"):
        await ask(tmp_path, load(stall=STALL_MISSED))


@pytest.mark.parametrize(("rate", "tested"), [(400.0, 1), (None, 2)])
async def test_the_stall_is_planted_at_the_rate_of_the_trials(tmp_path, rate, tested):
    seen = load(effect=1.3, limit=500)
    result, _ = await ask(tmp_path, seen, rate=rate)
    rates = [plan.rate for plan in seen.plans if plan.stall_test]
    assert (len(rates), rates[-1]) == (tested, result.plan["rate"])
    assert result.stall_test == {"rate": 50, "slow": 24, "needed": 20}


async def test_a_throttled_generator_is_invalid(tmp_path):
    throttled = load(effect=1.3)
    throttled.throttled_from = 4
    result, _ = await ask(tmp_path, throttled)
    assert result.primary.word == "INVALID"
    assert result.primary.effect is None
    assert "70% of the offered rate" in result.primary.sentence


async def test_one_percent_of_errors_refuses_every_claim(tmp_path):
    result, _ = await ask(tmp_path, load(effect=1.3, errors=0.01))
    assert {verdict.word for verdict in result.verdicts} == {"INVALID"}


async def test_what_comes_later_being_slower_is_no_verdict(tmp_path):
    biased = load()
    biased.later_costs = 1.25
    result, _ = await ask(tmp_path, biased, design="abab")
    assert result.primary.word in ("INVALID", "no difference shown")


async def test_sides_that_run_the_same_are_refused(tmp_path):
    with pytest.raises(VoidResult, match="both run with uvloop"):
        await ask(tmp_path, load(), words=("uvloop", "uvloop", "uvloop"))


async def test_the_rate_is_forty_percent_of_the_lower_capacity(tmp_path):
    result, lines = await ask(tmp_path, load(effect=1.3, limit=500), rate=None)
    assert 400 * 0.4 <= result.plan["rate"] <= 500 * 0.4
    assert result.capacity["a"]["passes"] <= 500 < result.capacity["a"]["fails"]
    assert any(line.startswith("capacity: asyncio: between") for line in lines)
    tried = [line for line in lines if line.startswith("capacity: uvloop at ")]
    assert any("held, p99" in line for line in tried) and any("the SLO is" in line for line in tried)


async def test_how_long_it_will_take_is_told_before_the_first_round(tmp_path):
    _, lines = await ask(tmp_path, load(effect=1.3), trial_seconds=8.0)
    [trials] = [line for line in lines if line.startswith("trials: duet")]
    assert re.search(r": about \d+( to \d+)? min$", trials)


async def test_an_interrupted_pull_goes_on_with_the_same_rate(tmp_path):
    broken = load(effect=1.3, limit=500)
    answer = broken.__call__

    class Stops(FakeLoad):
        async def __call__(self, plan, *, on_begin=None):
            if plan.duration == 8.0 and len([p for p in broken.plans if p.duration == 8.0]) == 5:
                raise KeyboardInterrupt
            return await answer(plan, on_begin=on_begin)

    stops = Stops(np.random.default_rng(1))
    with pytest.raises(KeyboardInterrupt):
        await ask(tmp_path, stops, rate=None, trial_seconds=8.0)
    again = load(effect=1.3, limit=500)
    result, lines = await ask(tmp_path, again, rate=None, trial_seconds=8.0)
    assert any("5 rounds are kept" in line for line in lines)
    assert len([p for p in again.plans if p.duration == 8.0]) == 7
    assert result.primary.word == "worse"
    assert result.capacity is not None
    assert "resumed" in result.notes[0]
    assert result.stall_test is not None
    assert not list(tmp_path.iterdir())


async def test_the_rounds_are_kept_until_the_result_is_written(tmp_path):
    def disk_is_full(result):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        await ask(tmp_path, load(effect=1.3), save=disk_is_full)
    again = load(effect=1.3)
    written: list[PullResult] = []
    result, lines = await ask(tmp_path, again, save=written.append)
    assert any("12 rounds are kept" in line for line in lines)
    assert [plan for plan in again.plans if not plan.stall_test] == []
    assert written == [result] and result.primary.word == "worse"
    assert not list(tmp_path.iterdir())


class StopsInTheSearch(FakeLoad):
    """Interrupted in the search, at the try of this number."""

    at = 0

    async def __call__(self, plan, *, on_begin=None):
        if len(self.plans) == self.at:
            raise KeyboardInterrupt
        return await super().__call__(plan, on_begin=on_begin)


@pytest.mark.parametrize("at", [1, 2, 5, 10])
async def test_an_interrupted_capacity_search_goes_on_with_the_tries_that_it_made(tmp_path, at):
    whole, _ = await ask(tmp_path, unbroken := load(effect=1.3, limit=500, spread=0), rate=None)
    stops = StopsInTheSearch(np.random.default_rng(1), effect=1.3, limit=500, spread=0)
    stops.at = at
    with pytest.raises(KeyboardInterrupt):
        await ask(tmp_path, stops, rate=None)
    again = load(effect=1.3, limit=500, spread=0)
    result, lines = await ask(tmp_path, again, rate=None)
    assert result.capacity == whole.capacity
    made = at - 1  # the preflight is no try, and is made again
    assert len(again.plans) == len(unbroken.plans) - made
    assert any(f"{made} tries of the search are kept" in line for line in lines) is bool(made)
    assert ("resumed after an interruption" in result.notes) is bool(made)
    assert not list(tmp_path.iterdir())


async def test_a_search_of_another_question_is_not_gone_on_with(tmp_path):
    stops = StopsInTheSearch(np.random.default_rng(1), limit=500)
    stops.at = 5
    with pytest.raises(KeyboardInterrupt):
        await ask(tmp_path, stops, rate=None)
    _, lines = await ask(tmp_path, load(effect=1.3, limit=500), rate=None, trial_seconds=3.0)
    assert not any("resuming" in line for line in lines)
    [kept] = tmp_path.glob("*.????????")
    assert any(f"are kept: {kept.name} (--fresh of its command" in line for line in lines)
    _, lines = await ask(tmp_path, load(limit=500), rate=None)
    assert any("4 tries of the search are kept" in line for line in lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": 500.0},
        {"metric": "cpu_per_1k_total"},
        {"content_characters": 200},
        {"rounds": 6},
        {"held": {"POOL_SIZE": "10"}},
    ],
)
async def test_the_rounds_of_each_question_are_kept(tmp_path, changes):
    draft = drafted(
        Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0, seed=5)
    )
    unfinished = Unfinished.of(draft, tmp_path)
    unfinished.begin(head := head_of(draft, {**fingerprint(EXAMPLE.machine), "changed": False}))
    fill(unfinished.begin_trials(head, draft), 5)
    await ask(tmp_path, load(effect=1.3), **changes)
    assert unfinished.rounds() == 5
    _, lines = await ask(tmp_path, load(effect=1.3))
    assert any("5 rounds are kept" in line for line in lines)


async def test_what_other_code_of_the_lab_left_is_dropped_and_that_is_told(tmp_path):
    draft = drafted(
        Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0, seed=5)
    )
    unfinished = Unfinished.of(draft, tmp_path)
    unfinished.begin({**head_of(draft, {}), "plan": {"lever": "event_loop"}})
    _, lines = await ask(tmp_path, load(effect=1.3))
    assert "an interrupted session is dropped, other code of the lab wrote it" in lines


def test_a_torn_last_try_is_dropped_and_nothing_is_appended_to_it(tmp_path):
    tries = Tries(tmp_path / "tries.jsonl")
    tries.add("a", Attempt(100.0, math.inf, 1.0, 0.0))
    with tries.path.open("a") as out:
        out.write('{"side": "a", "rate": 1')
    assert [(side, one.rate, one.p99_seconds) for side, one in tries.made()] == [("a", 100.0, math.inf)]
    tries.begin(tries.made())
    tries.add("b", Attempt(200.0, 0.01, 1.0, 0.0))
    assert [(side, one.rate) for side, one in tries.made()] == [("a", 100.0), ("b", 200.0)]


async def test_a_search_that_ends_without_a_rate_is_made_anew_the_next_time(tmp_path):
    with pytest.raises(UsageError, match="no rate held the SLO"):
        await ask(tmp_path, load(limit=0.5), rate=None)
    result, lines = await ask(tmp_path, load(effect=1.3, limit=500), rate=None)
    assert result.capacity["a"]["passes"] > 100
    assert not any("are kept" in line for line in lines)


async def test_whoever_saw_rounds_cannot_predict_any_more(tmp_path):
    question = Question(
        lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0, seed=5
    )
    draft, machine = drafted(question), fingerprint(EXAMPLE.machine)
    for with_rounds, expected in ((True, None), (False, "up")):
        unfinished = Unfinished.of(draft, tmp_path)
        unfinished.begin(head := head_of(draft, {**machine, "changed": False}))
        if with_rounds:
            fill(unfinished.begin_trials(head, draft), 5)
        rig = FakeStackRig(draft, load(effect=1.3))
        quiet = {"tell": lambda line: None, "watch": lambda progress: None, "folder": tmp_path}
        quiet["save"] = not_saved
        result = await pull(question, draft, rig, prediction="up", **quiet)
        assert result.prediction == expected
        assert ("resumed after an interruption" in result.notes) is with_rounds


async def test_the_time_before_an_interruption_counts(tmp_path):
    draft = drafted(Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0))
    unfinished = Unfinished.of(draft, tmp_path)
    unfinished.begin(head := head_of(draft, {}))
    unfinished.tries.add("a", Attempt(100.0, 0.01, 1.0, 0.0))
    os.utime(unfinished.tries.path, (1_000.0, 1_000.0))
    head |= {"part_began_at": 940.0, "spent_seconds": 30.0}
    assert unfinished.spent_seconds(head) == 90.0


def test_two_pulls_of_one_question_do_not_share_a_journal(tmp_path):
    draft = drafted(Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0))
    one = Unfinished.of(draft, tmp_path)
    with one.alone(), pytest.raises(UsageError, match="being pulled already"), one.alone():
        pass
    with one.alone():
        pass


async def test_what_ran_with_changes_in_the_tree_is_not_gone_on_with(tmp_path):
    machine = fingerprint(EXAMPLE.machine)
    question = Question(
        lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0, seed=5
    )
    draft = drafted(question)
    for changed, words in (
        (True, "is dropped, it is not alike in changes that are not committed"),
        (False, "resum"),
    ):
        head = head_of(draft, {**machine, "changed": changed})
        unfinished = Unfinished.of(draft, tmp_path)
        unfinished.begin(head)
        fill(unfinished.begin_trials(head, draft), 5)
        _, lines = await ask(tmp_path, load(effect=1.3))
        assert any(words in line for line in lines)


def test_two_trees_with_changes_are_never_of_one_software():
    tree = {"commit": "abc", "changed": True}
    assert other_software(tree, tree) == {"changes that are not committed": (True, True)}
    assert other_software({**tree, "changed": False}, {**tree, "changed": None}) == {}


async def test_the_result_names_the_command_that_repeats_it(tmp_path):
    result, _ = await ask(tmp_path, load(effect=1.3))
    assert result.command == (
        "lab pull event_loop --values uvloop,asyncio --mode multi --rate 400 --trial-seconds 2 --seed 5"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 240.0, "trial_seconds": 8.0}, "29 s at 240/s: --trial-seconds 29"),
        ({"rate": 60.0}, "115 s at 60/s"),
    ],
)
def test_trials_too_short_for_the_metric_are_refused_before_anything_runs(changes, words):
    with pytest.raises(UsageError, match=words):
        drafted(Question(lever_named("pool_size"), ("10", "2"), **changes))
    longer = drafted(Question(lever_named("pool_size"), ("10", "2"), **{**changes, "trial_seconds": 115.0}))
    assert longer.trial_seconds == 115


async def test_trials_too_short_for_a_rate_that_was_found_are_lengthened(tmp_path):
    result, lines = await ask(tmp_path, load(limit=500), rate=None, trial_seconds=2.0, metric="p50")
    assert result.plan["trial_seconds"] == 5.0  # 200 samples and some, of a third of 160/s
    assert any(line.startswith("trials: 5 s, since shorter ones have too few samples") for line in lines)
    draft = drafted(Question(lever_named("prefetch"), ("100", "1"), metric="delivery_p99"))
    assert needed_seconds(draft, 100.0) == 16.0  # three devices receive two messages


def test_a_lever_of_a_shared_part_is_never_pulled_as_a_duet():
    with pytest.raises(UsageError, match="changes what both sides share"):
        drafted(Question(lever_named("routing"), ("partition", "fanout"), design="duet"))


def test_a_duet_can_be_checked_by_alternation():
    draft = drafted(Question(lever_named("event_loop"), ("uvloop", "asyncio"), design="abab"))
    assert draft.design == "abab"
    assert command_of(draft).endswith("--design abab")


def test_long_messages_are_part_of_the_question():
    draft = drafted(
        Question(lever_named("encoding"), ("json", "msgpack"), rate=100.0, content_characters=2_000)
    )
    assert draft.content_characters == 2_000
    assert command_of(draft).endswith("--content 2000")


def test_a_value_of_another_lever_is_refused_with_the_command_that_compares_it():
    with pytest.raises(UsageError, match="lab pull run_mode --values single,multi"):
        chosen_values(lever_named("broker"), "memory,postgres")


def test_a_longer_warm_up_is_part_of_the_question():
    asked = Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0)
    assert "--warm-up-seconds" not in command_of(drafted(asked))
    draft = drafted(dataclasses.replace(asked, warm_up_seconds=10.0))
    assert draft.warm_up_seconds == 10.0
    assert "--warm-up-seconds 10" in command_of(draft)


def test_a_setting_of_both_sides_and_another_load_are_part_of_the_question():
    asked = Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0)
    draft = drafted(dataclasses.replace(asked, mix="list", held={"QUERY_PATH": "fastapi_asyncpg"}))
    assert not draft.as_catalogued and drafted(asked).as_catalogued
    assert command_of(draft).endswith("--mix list --set QUERY_PATH=fastapi_asyncpg")
    assert plan_from(json.loads(json.dumps(draft.as_json()))) == draft
    assert draft.environment("a")["QUERY_PATH"] == draft.environment("b")["QUERY_PATH"] == "fastapi_asyncpg"


@pytest.mark.parametrize(
    ("lever", "values", "changes", "told"),
    [
        ("event_loop", ("uvloop", "asyncio"), {"held": {"EVENT_LOOP": "asyncio"}}, "--values A,B"),
        ("event_loop", ("uvloop", "asyncio"), {"held": {"QUERY_PATH": "orm"}}, "expected one of raw"),
        ("query_path", ("raw", "orm_async"), {"held": {"GROUP_COMMIT": "on"}}, "needs GROUP_COMMIT=off"),
        ("event_loop", ("uvloop", "asyncio"), {"mix": "lst"}, "--mix lst: expected one of send"),
        ("compression", ("off", "deflate"), {"mix": "list", "metric": "delivery_p50"}, "nothing is sent"),
    ],
)
def test_what_cannot_be_held_or_cannot_show_the_lever_is_refused(lever, values, changes, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        drafted(Question(lever_named(lever), values, rate=400.0, **changes))


def test_a_broker_that_is_held_is_in_the_stack():
    draft = drafted(Question(lever_named("event_loop"), ("uvloop", "asyncio"), held={"BROKER": "rabbitmq"}))
    assert draft.mode == "stack"


async def test_a_setting_that_is_not_in_effect_refuses_the_pull(tmp_path):
    with pytest.raises(VoidResult, match="POOL_SIZE=2 was asked for on both sides, 10 runs"):
        await ask(tmp_path, load(effect=1.3), held={"POOL_SIZE": "2"})
    result, _ = await ask(tmp_path, load(effect=1.3), held={"POOL_SIZE": "10"})
    assert result.primary.word == "worse"
    result.save(path := tmp_path / "result.json")
    assert load_result(path).primary.word == "worse"
    changed = json.loads(path.read_text())
    changed["settings"]["a"]["pool_size"] = changed["settings"]["b"]["pool_size"] = "9"
    path.write_text(json.dumps(changed))
    assert load_result(path).primary.word == "INVALID"
