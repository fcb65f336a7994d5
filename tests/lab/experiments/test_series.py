"""Which results are sessions of one question, and which of them need not be measured again."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.experiments.preparation import Question, drafted
from lab.experiments.series import done_already, sessions_of, together
from levers.catalogue import lever_named
from tests.lab.report.made_up_pulls import made_up

MACHINE = {"cpu": "made up", "cores": 2, "commit": "abc", "changed": False}


@pytest.fixture(scope="module")
def three():
    """Sessions of one question, an hour apart."""
    return [
        replace(made_up(effect, seed=seed), fingerprint=MACHINE, started_at=3600.0 * seed)
        for seed, effect in ((1, 1.28), (2, 1.30), (3, 1.32))
    ]


def test_sessions_of_one_question_machine_and_code_belong_together(three):
    assert sessions_of(three[0], three) == three
    assert sessions_of(three[0], []) == [three[0]]
    verdict = together(three)
    assert verdict and verdict.word == "worse" and verdict.effect
    assert verdict.effect.ratio == pytest.approx(1.3, abs=0.03)


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": {**MACHINE, "cores": 4}},
        {"fingerprint": {**MACHINE, "commit": "def"}},
        {"fingerprint": {**MACHINE, "changed": True}},
        {"plan": {"rate": 999.0}},
        {"plan": {"looks": [6]}},
        {"plan": {"warm_up_seconds": 9.0}},
    ],
)
def test_another_machine_code_or_question_is_no_session_of_it(three, other):
    plan = {**three[1].plan, **other.get("plan", {})}
    changed = replace(three[1], plan=plan, fingerprint=other.get("fingerprint", MACHINE))
    assert sessions_of(three[0], [changed]) == [three[0]]


def test_fewer_than_three_that_count_say_nothing_together(three):
    invalid = replace(made_up(failing={4, 5, 6}, seed=3), fingerprint=MACHINE)
    assert together(three[:2]) is None
    assert together([*three[:2], invalid]) is None
    assert together([]) is None


def test_a_session_of_this_seed_and_code_is_there_already(three):
    lever = lever_named("event_loop")
    question = Question(lever, ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0)
    found = [
        (Path(f"{seed}.json"), replace(three[0], plan=drafted(replace(question, seed=seed)).as_json()))
        for seed in (1, 2)
    ]
    assert done_already(question, MACHINE, found) == found[0]
    assert done_already(replace(question, seed=2), MACHINE, found) == found[1]
    assert done_already(replace(question, rate=None), MACHINE, found) == found[0]
    assert done_already(replace(question, seed=9), MACHINE, found) is None
    assert done_already(replace(question, rate=500.0), MACHINE, found) is None
    assert done_already(question, {**MACHINE, "commit": "def"}, found) is None
    assert done_already(question, {**MACHINE, "changed": True}, found) is None
