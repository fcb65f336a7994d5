"""`lab pull` asks for a prediction once, and says what an interruption left."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from lab.caveats import caveat
from lab.cli import run
from lab.commands import pull
from lab.experiments.preparation import Question, drafted
from lab.experiments.result import PullResult, results_of
from lab.experiments.unfinished import Unfinished
from lab.scaling.capacity import Attempt
from lab.verdict import Verdict
from levers.catalogue import lever_named
from tests.lab.experiments.test_pull import head_of
from tests.lab.report.made_up_pulls import made_up
from tests.lab.trials.test_journal import fill

QUESTION = Question(lever_named("event_loop"), ("uvloop", "asyncio"), rate=400.0, trial_seconds=2.0)


@pytest.fixture
def interrupted(monkeypatch, tmp_path):
    """An interrupted pull of the question, in which somebody expected `up`."""
    draft = drafted(QUESTION)
    unfinished = Unfinished(tmp_path / "unfinished")
    unfinished.begin(head := head_of(draft, {}, "up"))
    fill(unfinished.begin_trials(head, draft), 5)
    monkeypatch.setattr(Unfinished, "of", lambda plan: unfinished)
    monkeypatch.setattr(pull, "asked", lambda label, values: "asked again")
    return unfinished


def predicted(question, predict=None, fresh=False):
    return pull.predicted(question, drafted(question), Console(quiet=True), predict, fresh)


def test_a_resumed_pull_does_not_ask_for_the_prediction_again(interrupted):
    assert predicted(QUESTION) == "up"
    assert predicted(QUESTION, "down") == "up"


def test_another_question_or_a_fresh_start_is_predicted_anew(interrupted):
    other = Question(QUESTION.lever, QUESTION.values, rate=500.0, trial_seconds=2.0)
    assert predicted(other) == "asked again"
    assert predicted(other, "none") is None
    assert predicted(QUESTION, fresh=True) == "asked again"


def test_an_interrupted_pull_says_how_much_is_kept_and_how_to_go_on(interrupted):
    assert pull.interrupted(drafted(QUESTION)) == "5 rounds kept; the same command goes on"
    interrupted.journal.unlink()
    interrupted.tries.add("a", Attempt(100.0, 0.01, 1.0, 0.0))
    said = pull.interrupted(drafted(QUESTION))
    assert said == "the tries of the capacity search (1) kept; the same command goes on"
    interrupted.remove()
    assert pull.interrupted(drafted(QUESTION)) == "no round was finished"


def test_a_metric_beside_the_one_that_decides_is_no_alarm_when_it_had_too_few_samples(capsys):
    few = Verdict(
        "p99", "INVALID", "INVALID: few.", caveats=(caveat("too few samples", have=9, metric="p99", need=10),)
    )
    held = Verdict("p50", "no difference shown", "No difference.")
    result = PullResult({}, {}, {}, [held, few], [], 0.0, 1.0)
    pull.show(Console(), result)
    told = capsys.readouterr().out
    assert "INVALID" not in told and "Of p99 no figure is claimed: 9 samples" in told
    pull.show(Console(), replace(result, verdicts=[few, held]))
    assert "INVALID: few." in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["pull", "event_loop", "--predict", "up"], ["sweep", "pool_size"], ["scale-curve"], ["capacity"]],
)
def test_a_tree_with_changes_keeps_nothing(words, monkeypatch, capsys):
    monkeypatch.setattr("lab.experiments.machine.changed", lambda: True)
    assert run([*words, "--keep"]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lab: --keep: the tree has changes that are not committed")


def test_an_interruption_on_a_tree_with_changes_says_that_it_begins_anew(interrupted):
    head = json.loads(interrupted.head.read_text())
    interrupted.head.write_text(json.dumps(head | {"machine": {"changed": True}}))
    assert "begins anew" in pull.interrupted(drafted(QUESTION))


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """What is measured, in place of a stack: (seed, rate, prediction) of each session; results are saved."""
    asked = []

    def one(question, draft, console, prediction, fresh):
        asked.append((draft.seed, draft.rate, prediction))
        rate = question.rate or 300.0
        result = made_up(1.3, seed=draft.seed, rate=rate)
        plan = replace(draft, rate=rate).as_json()
        return replace(result, plan=plan, started_at=float(len(asked)), prediction=prediction)

    monkeypatch.setattr(pull, "_measured", one)
    monkeypatch.setattr(pull, "RUNS", tmp_path)
    monkeypatch.setattr(pull, "results_of", lambda lever: results_of(lever, [tmp_path]))
    monkeypatch.setattr(Unfinished, "of", lambda plan: Unfinished(tmp_path / "unfinished"))
    return asked


WORDS = ["pull", "event_loop", "--predict", "up", "--seed", "5", "--no-report"]


def test_each_session_has_a_seed_of_its_own_and_the_rate_of_the_first(measured, capsys):
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert measured == [(5, 0.0, "up"), (6, 300.0, "up"), (7, 300.0, "up")]
    told = capsys.readouterr().out
    assert "session 2 of 3, seed 6" in told
    assert "3 sessions" in told.strip().splitlines()[-1]


def test_a_session_that_is_there_already_is_not_measured_again(measured, monkeypatch, capsys):
    monkeypatch.setattr("lab.experiments.series.other_software", lambda one, here: {})
    monkeypatch.setattr("lab.experiments.series.other_machine", lambda one, here: {})
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert run([*WORDS, "--sessions", "4"]) == 0
    assert [seed for seed, _, _ in measured] == [5, 6, 7, 8]
    assert "it is there already" in capsys.readouterr().out
    assert run([*WORDS, "--sessions", "3", "--fresh"]) == 0
    assert [seed for seed, _, _ in measured] == [5, 6, 7, 8, 5, 6, 7]


def test_two_sessions_are_refused_since_they_have_no_interval(measured, capsys):
    assert run([*WORDS, "--sessions", "2"]) == 2
    assert "expected 1, or 3 or more" in capsys.readouterr().err
    assert measured == []
