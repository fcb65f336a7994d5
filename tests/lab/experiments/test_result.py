"""A result file is read by the present rules, whenever it was written."""

import json
from dataclasses import replace

import pytest

from lab.experiments.result import load, without_words
from tests.lab.report.made_up_pulls import made_up


def test_a_verdict_of_older_rules_is_given_anew_from_the_observations(tmp_path):
    result = made_up(effect=1.3)
    older = replace(result.primary, word="same within the margin", sentence="They are the same.")
    path = replace(result, verdicts=[older]).save(tmp_path / "event_loop.uvloop-asyncio.1.json")
    assert load(path).verdicts == result.verdicts


def test_a_file_holds_no_words_that_later_rules_could_contradict(tmp_path):
    path = made_up(effect=1.3).save(tmp_path / "one.json")
    assert "worse" not in path.read_text()
    older = json.loads(path.read_text()) | {"verdicts": [{"word": "same within the margin"}]}
    path.write_text(json.dumps(older))
    words = [one.word for one in load(path).verdicts]
    without_words(path)
    assert "same within" not in path.read_text()
    assert [one.word for one in load(path).verdicts] == words


def test_a_file_is_read_with_and_without_what_the_stall_test_saw(tmp_path):
    seen = {"rate": 100.0, "slow": 52, "needed": 40}
    path = replace(made_up(also=()), stall_test=seen).save(tmp_path / "one.json")
    assert load(path).stall_test == seen
    older = json.loads(path.read_text())
    del older["stall_test"]
    path.write_text(json.dumps(older))
    assert load(path).stall_test is None


@pytest.mark.parametrize(("rounds", "word"), [((1, 1, 4), "worse"), ((1, 4, 7), "INVALID")])
def test_an_older_file_whose_notes_name_many_rounds_again_claims_nothing(tmp_path, rounds, word):
    notes = [f"round {number} was measured again: 90 % answered" for number in rounds]
    found = load(replace(made_up(effect=1.3), notes=notes).save(tmp_path / "one.json"))
    assert found.primary.word == word
    assert f"{len(set(rounds))} of 12 rounds had to be measured again" in {
        one.seen for one in found.primary.caveats
    }


def test_what_was_measured_beside_other_programs_claims_no_latency(tmp_path):
    result = made_up(effect=1.3)
    crowded = [replace(one, detail={**one.detail, "others": 1.5}) for one in result.observations]
    found = load(replace(result, observations=crowded).save(tmp_path / "one.json"))
    assert [verdict.word for verdict in found.verdicts] == ["worse", "INVALID", "INVALID"]


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (
            *({"group_commit": "on"}, {"group_commit": "off"}),
            "audit: the sides differ in more than query_path: group_commit (on against off)",
        ),
        ({}, {"query_path": "raw"}, "audit: raw and orm_async were asked for, both run with raw"),
        ({"driver": "asyncpg"}, {"driver": "sqlalchemy"}, ""),
    ],
)
def test_sides_that_the_audit_of_now_refuses_claim_nothing_whenever_they_were_measured(tmp_path, a, b, why):
    result = made_up(effect=5.0, lever="query_path", values=("raw", "orm_async"))
    settings = {"a": {**result.settings["a"], **a}, "b": {**result.settings["b"], **b}}
    found = load(replace(result, settings=settings).save(tmp_path / "one.json"))
    assert {one.word for one in found.verdicts} == ({"INVALID"} if why else {"worse"})
    assert [one.seen for one in found.primary.caveats if one.grave] == ([why] if why else [])
