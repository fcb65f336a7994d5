"""Which results are sessions of one question, and which of them need not be measured again."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.experiments.preparation import Question, drafted
from lab.experiments.series import done_already, refuse_others, sessions_of, together, with_invalid
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
    verdict = together(three, "cpu_per_1k")
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


def test_code_is_no_matter_where_it_is_asked_so(three):
    other = replace(three[1], fingerprint={**MACHINE, "commit": "def"})
    assert sessions_of(three[0], [other], same_code=False) == [three[0], other]


def test_of_a_seed_the_newest_counts_since_it_draws_users_and_arrivals(three):
    again = replace(three[1], started_at=9e6)
    assert sessions_of(three[0], [again, three[1], replace(three[0], started_at=9e6)]) == [three[0], again]


def test_fewer_than_three_that_count_say_nothing_together(three):
    invalid = replace(made_up(failing={4, 5, 6}, seed=3), fingerprint=MACHINE)
    assert together(three[:2], "cpu_per_1k") is None
    assert together([*three[:2], invalid], "cpu_per_1k") is None
    assert together([*three, *three, invalid, invalid], "cpu_per_1k") is None  # a quarter: a choice
    assert together([], "cpu_per_1k") is None


@pytest.fixture(scope="module")
def invalid():
    """A session that does not count, of the second seed, before it was measured again."""
    return replace(made_up(failing={4, 5, 6}, seed=2), fingerprint=MACHINE, started_at=1.0)


def test_a_session_that_was_measured_again_stays_among_those_that_do_not_count(three, invalid):
    attempts = sessions_of(three[0], [*three, invalid])
    assert attempts == [invalid, *three] == sessions_of(invalid, three)
    assert together(attempts, "cpu_per_1k") is None  # a quarter: a choice
    four = [*three, replace(three[0], plan={**three[0].plan, "seed": 4}, started_at=9e6)]
    verdict = together(sessions_of(three[0], [*four, invalid]), "cpu_per_1k")
    assert verdict and verdict.sentence.endswith(" 1 more was INVALID, 1 measured again.")
    other = replace(invalid, plan={**invalid.plan, "seed": 9})
    assert with_invalid(four, [*four, other]) == [*four, other]
    verdict = together(with_invalid(four, [other]), "cpu_per_1k")
    assert verdict and verdict.sentence.endswith(" 1 more was INVALID, 0 measured again.")


def test_an_attempt_of_another_question_or_code_is_none_of_it(three, invalid):
    for changes in (
        {"plan": {**invalid.plan, "rate": 999.0}},
        {"plan": {**invalid.plan, "looks": [6]}},
        {"fingerprint": {**MACHINE, "commit": "def"}},
        {"verdicts": [replace(invalid.primary, metric="p50")]},
    ):
        assert with_invalid(three, [replace(invalid, **changes)]) == three
        assert sessions_of(three[0], [*three, replace(invalid, **changes)]) == three


def test_what_is_told_together_is_of_the_metric_that_is_asked(three):
    waiting = [replace(one, verdicts=[one.verdicts[1], *one.verdicts[:1]]) for one in three]
    verdict = together(waiting, "cpu_per_1k")
    assert verdict and verdict.metric == "cpu_per_1k"


def test_a_latency_of_a_duet_is_never_the_same_however_many_sessions():
    alike = [
        replace(made_up(1.0, seed=seed), fingerprint=MACHINE, started_at=float(seed)) for seed in range(8)
    ]
    joint = {metric: together(alike, metric) for metric in ("cpu_per_1k", "p50")}
    assert joint["cpu_per_1k"] and joint["cpu_per_1k"].word == "same within the margin"
    assert joint["p50"] and joint["p50"].word == "no difference shown"


def test_sessions_of_another_commit_are_refused_together(three):
    refuse_others(three)
    with pytest.raises(UsageError, match="differ in commit"):
        refuse_others([*three, replace(three[0], fingerprint={**MACHINE, "commit": "def"})])


def test_a_session_of_this_seed_and_code_is_there_already(three):
    lever = lever_named("event_loop")
    question = Question(lever, ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0)
    found = [
        (Path(f"{seed}.json"), replace(three[0], plan=drafted(replace(question, seed=seed)).as_json()))
        for seed in (1, 2)
    ]
    assert done_already(question, MACHINE, found) == found[0]
    assert done_already(replace(question, seed=2), MACHINE, found) == found[1]
    newer = (Path("3.json"), replace(found[0][1], started_at=9e6))
    assert done_already(question, MACHINE, [newer, *found]) == newer
    invalid = [replace(found[0][1].primary, effect=None)]
    assert done_already(question, MACHINE, [(Path("1.json"), replace(found[0][1], verdicts=invalid))]) is None
    assert done_already(replace(question, seed=9), MACHINE, found) is None
    assert done_already(replace(question, rate=500.0), MACHINE, found) is None
    assert done_already(question, {**MACHINE, "commit": "def"}, found) is None
    assert done_already(question, {**MACHINE, "changed": True}, found) is None
