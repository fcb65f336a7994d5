"""`lab compare` and `lab history` read result files, and refuse what does not belong together."""

import re
from dataclasses import replace

import msgspec
import pytest

from lab.cli import run
from lab.commands import history
from lab.experiments.result import KEPT, RUNS, preferred
from tests.lab.experiments.fake_stack import EXAMPLE
from tests.lab.report.made_up_pulls import made_up

MACHINE = {"cpu": "x", "cores": 2, "memory_bytes": 1, "kernel": "6", "container": False, "commit": "abc"}


@pytest.fixture(scope="module")
def one():
    return replace(made_up(), fingerprint=MACHINE)


def files(tmp_path, *results):
    return [str(result.save(tmp_path / f"{number}.json")) for number, result in enumerate(results)]


def test_two_results_of_one_question_are_compared(tmp_path, capsys, one):
    later = replace(one, fingerprint={**MACHINE, "commit": "def"})
    assert run(["compare", *files(tmp_path, one, later)]) == 0
    out = capsys.readouterr().out
    assert "commit: abc -> def" in out
    assert "agree" in out


def test_an_answer_that_changed_is_said(tmp_path, capsys, one):
    later = replace(made_up(effect=1.02), fingerprint=MACHINE)
    assert run(["compare", *files(tmp_path, one, later)]) == 0
    assert "the answer" in capsys.readouterr().out


def test_another_machine_is_refused(tmp_path, capsys, one):
    other = replace(one, fingerprint={**MACHINE, "cores": 8})
    assert run(["compare", *files(tmp_path, one, other)]) == 2
    assert "not of one machine: cores 2 and 8" in capsys.readouterr().err


def test_another_question_is_refused(tmp_path, capsys, one):
    other = replace(one, plan={**one.plan, "rate": 900.0})
    assert run(["compare", *files(tmp_path, one, other)]) == 2
    assert "rate 500.0 and 900.0; give both the same --rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part_of_it", "value"), [("content_characters", 4000), ("metric", "p50"), ("part", "websocket")]
)
def test_another_length_metric_or_process_is_another_question(tmp_path, capsys, one, part_of_it, value):
    other = replace(one, plan={**one.plan, part_of_it: value})
    assert run(["compare", *files(tmp_path, one, other)]) == 2
    assert (
        f"not the same question: {part_of_it} {one.plan[part_of_it]} and {value}" in capsys.readouterr().err
    )


def test_a_file_that_is_older_than_a_part_of_the_plan_has_its_default(tmp_path, one):
    older = replace(
        one, plan={name: value for name, value in one.plan.items() if name != "content_characters"}
    )
    assert run(["compare", *files(tmp_path, older, one)]) == 0


@pytest.mark.parametrize("words", [["compare", "{}", "{}"], ["plan", "--result", "{}"]])
def test_what_is_no_result_is_refused_in_one_line(words, tmp_path, capsys):
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff")
    for name, reason in (
        ("", "Is a directory"),
        ("none.json", "No such file"),
        ("picture.json", "is not the"),
    ):
        assert run([word.replace("{}", str(tmp_path / name)) for word in words]) == 2
        assert reason in capsys.readouterr().err


def loads(tmp_path, *changes):
    """Files of two loads that differ in this."""
    for number, changed in enumerate(changes):
        msgspec.structs.replace(EXAMPLE, **changed).save(tmp_path / f"{number}.json")
    return [str(tmp_path / f"{number}.json") for number, _ in enumerate(changes)]


def part(name, **changes):
    return {name: msgspec.structs.replace(getattr(EXAMPLE, name), **changes)}


def test_two_loads_stand_side_by_side_without_a_verdict(tmp_path, capsys):
    usage = [
        msgspec.structs.replace(one, cpu_seconds=one.cpu_seconds * (1 if one.kind == "generator" else 2))
        for one in EXAMPLE.usage
    ]
    settings = {"backend-1": {"event_loop": "asyncio"}, "websocket-1": {"event_loop": "asyncio"}}
    later = part("stack", effective=settings) | part("machine", commit="def") | {"usage": usage}
    assert run(["compare", *loads(tmp_path, {}, later)]) == 0
    out = capsys.readouterr().out
    assert "commit: None -> def" in out
    assert "event_loop: uvloop -> asyncio" in out
    assert re.search(r"p99 ms +11.94 +11.94 +\+0.0 %", out)
    assert re.search(r"delivery p99 ms +18.37 ", out)
    assert re.search(r"CPU ms per 1,000 .* 2.0x", out)
    assert "no verdict" in out


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (part("machine", cores=8), "not of one machine: cores 2 and 8"),
        (part("settings", rate=100), "not the same load: rate 200.0 and 100.0"),
        (part("settings", mix={"list": 1.0}), "not the same load: mix"),
        (part("stack", mode="stack"), "not the same load: mode multi and stack"),
        (
            part("verdict", word="INVALID", reasons=["it lagged"]),
            "INVALID, its figures do not count: it lagged",
        ),
    ],
)
def test_loads_that_do_not_belong_side_by_side_are_refused(tmp_path, capsys, changed, reason):
    assert run(["compare", *loads(tmp_path, {}, changed)]) == 2
    assert reason in capsys.readouterr().err


def test_a_seed_and_a_length_change_no_figure_s_meaning(tmp_path, capsys):
    assert run(["compare", *loads(tmp_path, {}, part("settings", seed=7, duration_seconds=30))]) == 0
    assert "what differs is chance" in capsys.readouterr().out


def test_a_load_and_a_pull_are_not_compared(tmp_path, capsys, one):
    assert run(["compare", *loads(tmp_path, {}), str(one.save(tmp_path / "pull.json"))]) == 2
    assert "one is the result of a load, the other is none" in capsys.readouterr().err


def test_history_lists_verdict_and_interval(capsys, monkeypatch, tmp_path, one):
    monkeypatch.setattr(history, "results_of", lambda name: [(tmp_path, one)])
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["history", "event-loop"]) == 0
    assert "▼ worse" in capsys.readouterr().out


def test_history_tells_apart_what_was_asked_in_two_ways(one):
    abab = replace(one, plan={**one.plan, "design": "abab", "mode": "stack"})
    rows = [dict(zip(history.COLUMNS, history.row(each), strict=True)) for each in (one, abab)]
    assert [(row["design"], row["mode"], row["pairs"]) for row in rows] == [
        ("duet", "multi", "12"),
        ("abab", "stack", "12"),
    ]


def test_a_committed_result_that_counts_is_shown_before_a_newer_one_of_this_machine(one):
    invalid = replace(made_up(failing={4, 5, 6}), started_at=one.started_at + 9)
    own = replace(one, started_at=one.started_at + 5)
    shown = [(KEPT / "a.json", one), (RUNS / "b.json", own), (KEPT / "c.json", invalid)]
    assert preferred(shown) == shown[0]
    assert preferred(shown[1:]) == shown[1]
    assert preferred([]) is None
