"""`lab pull` asks for a prediction once, and says what an interruption left."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lab.caveats import caveat
from lab.cli import run
from lab.commands import pull
from lab.errors import StackError
from lab.experiments.preparation import Question, drafted
from lab.experiments.result import PullResult, results_of
from lab.experiments.series import sessions_of, together
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


class Measured:
    """In place of a stack: what each session was asked; `invalid` seeds fail, at `stop` there is a Ctrl-C.

    `ends`: what taking the stack of a seed down raises.
    """

    def __init__(self):
        self.asked, self.invalid, self.stop, self.ends = [], set(), None, {}

    def __call__(self, question, draft, console, prediction, fresh, *, save):
        if draft.seed == self.stop:
            raise KeyboardInterrupt
        self.asked.append((draft.seed, draft.rate, prediction))
        failing = {4, 5, 6} if draft.seed in self.invalid else ()
        result = made_up(1.3, failing, seed=draft.seed, looks=draft.looks)
        plan = draft.as_json()
        machine = {"cpu": "made up", "cores": 2}
        save(
            replace(
                result,
                plan=plan,
                fingerprint=machine,
                started_at=float(len(self.asked)),
                prediction=prediction,
            )
        )
        if draft.seed in self.ends:
            raise self.ends[draft.seed]

    @property
    def seeds(self):
        return [seed for seed, _, _ in self.asked]


@pytest.fixture
def measured(monkeypatch, tmp_path):
    session = Measured()
    monkeypatch.setattr(pull, "_measured", session)
    monkeypatch.setattr(pull, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(pull, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(Unfinished, "of", lambda plan: Unfinished(tmp_path / "unfinished"))
    here = {"cpu": "made up", "cores": 2}
    monkeypatch.setattr("lab.experiments.machine.fingerprint", lambda machine: here)
    return session


WORDS = ["pull", "event_loop", "--predict", "up", "--seed", "5", "--rate", "300", "--no-report"]


def test_each_session_has_a_seed_of_its_own_and_the_first_one_the_prediction(measured, capsys):
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert measured.asked == [(5, 300.0, "up"), (6, 300.0, None), (7, 300.0, None)]
    told = capsys.readouterr().out
    assert "session 2 of 3, seed 6" in told
    assert re.search(r"worse than uvloop in CPU per 1,000, API: .*3 sessions; margin", told)
    assert told.rstrip().endswith("Your prediction (up): came true.")


def test_an_interrupted_series_goes_on_with_the_sessions_that_it_has(measured, capsys):
    measured.stop = 7
    assert run([*WORDS, "--sessions", "3"]) == 130
    measured.stop = None
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert measured.seeds == [5, 6, 7]
    assert "it is there (--fresh measures it anew)" in capsys.readouterr().out
    assert run([*WORDS, "--sessions", "3", "--fresh"]) == 0
    assert measured.seeds == [5, 6, 7, 5, 6, 7]


def test_a_session_that_does_not_count_is_measured_again_by_the_same_command(measured, capsys):
    measured.invalid = {6}
    assert run([*WORDS, "--sessions", "3"]) == 3
    said = capsys.readouterr().err
    assert "2 of 3 sessions count: too few" in said and "with --sessions 4 it goes on" in said
    measured.invalid = set()
    assert run([*WORDS, "--sessions", "3"]) == 3
    assert "3 of 4 sessions count: too few" in capsys.readouterr().err
    assert run([*WORDS, "--sessions", "4"]) == 0
    assert measured.seeds == [5, 6, 7, 6, 8]
    assert "1 more was INVALID, 1 measured again." in " ".join(capsys.readouterr().out.split())


def test_a_report_refuses_what_the_series_refuses(measured, tmp_path):
    measured.invalid = {6}
    assert run([*WORDS, "--sessions", "4"]) == 3
    measured.invalid = set()
    assert run([*WORDS, "--sessions", "3"]) == 3
    for _, one in (found := results_of(folders=(tmp_path / "runs",))):
        attempts = sessions_of(one, [other for _, other in found])
        assert len(attempts) == 5
        assert together(attempts, "cpu_per_1k") is not None  # with that of seed 8: four of five
    measured.invalid = {9}
    assert run([*WORDS, "--sessions", "5"]) == 3
    found = results_of(folders=(tmp_path / "runs",))
    assert together(sessions_of(found[0][1], [one for _, one in found]), "cpu_per_1k") is None


def files(tmp_path):
    return len(list((tmp_path / "runs").glob("*.json")))


def test_a_stack_that_does_not_stop_takes_no_result_with_it(measured, tmp_path, capsys):
    measured.ends = {5: StackError("had to kill backend-1")}
    assert run(WORDS) == 5
    told = capsys.readouterr()
    assert "worse than uvloop" in told.out and "result  " in told.out
    assert told.err == "lab: had to kill backend-1\n"
    assert files(tmp_path) == 1


def test_a_ctrl_c_while_the_stack_is_taken_down_names_the_result(measured, tmp_path, capsys):
    measured.ends = {5: KeyboardInterrupt()}
    assert run(WORDS) == 130
    told = capsys.readouterr().out
    assert "no round was finished" not in told and "result  " in told
    assert files(tmp_path) == 1


def test_a_series_goes_on_after_a_stack_that_did_not_stop_and_says_so_at_the_end(measured, tmp_path, capsys):
    measured.ends = {6: StackError("had to kill backend-1")}
    assert run([*WORDS, "--sessions", "3"]) == 5
    assert measured.seeds == [5, 6, 7] and files(tmp_path) == 3
    told = capsys.readouterr()
    assert "the session is kept, but had to kill backend-1" in told.out and "3 sessions; margin" in told.out
    assert told.err == "lab: had to kill backend-1\n"


def test_a_full_disk_is_one_line_that_says_what_is_kept(measured, monkeypatch, capsys):
    def full(result, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PullResult, "save", full)
    assert run(WORDS) == 1
    said = "lab: the result cannot be written (No space left on device); its rounds are kept"
    assert capsys.readouterr().err.startswith(said)


def test_what_is_kept_is_measured_though_an_own_result_is_there(measured, monkeypatch):
    monkeypatch.setattr("lab.experiments.machine.refuse_changes", lambda: None)
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert run([*WORDS, "--sessions", "3", "--keep"]) == 0
    assert measured.seeds == [5, 6, 7, 5, 6, 7]


def test_sessions_have_twelve_rounds_and_one_look_each(measured, monkeypatch):
    plans = []

    def saved(result, keep):
        plans.append(result.plan)
        return Path("result.json")

    monkeypatch.setattr(pull, "saved", saved)
    assert run([*WORDS, "--sessions", "3"]) == 0
    assert [plan["looks"] for plan in plans] == [[12]] * 3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([*WORDS, "--sessions", "2"], "expected 1, or 3 or more"),
        (["pull", "event_loop", "--predict", "up", "--sessions", "3"], "needs --rate"),
    ],
)
def test_a_series_that_could_say_nothing_is_refused(measured, words, why, capsys):
    assert run(words) == 2
    assert why in capsys.readouterr().err
    assert measured.asked == []


def test_a_ctrl_c_of_a_fresh_start_says_how_to_go_on(interrupted):
    assert (
        pull.interrupted(drafted(QUESTION), fresh=True)
        == "5 rounds kept; the same command without --fresh goes on"
    )
