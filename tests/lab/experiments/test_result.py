"""A result file is read by the present rules, whenever it was written."""

from dataclasses import replace

from lab.experiments.result import load
from tests.lab.report.made_up_pulls import made_up


def test_a_verdict_of_older_rules_is_given_anew_from_the_observations(tmp_path):
    result = made_up(effect=1.3)
    older = replace(result.primary, word="same within the margin", sentence="They are the same.")
    path = replace(result, verdicts=[older]).save(tmp_path / "event_loop.uvloop-asyncio.1.json")
    assert load(path).verdicts == result.verdicts


def test_what_was_measured_beside_other_programs_claims_no_latency(tmp_path):
    result = made_up(effect=1.3)
    crowded = [replace(one, detail={**one.detail, "others": 1.5}) for one in result.observations]
    found = load(replace(result, observations=crowded).save(tmp_path / "one.json"))
    assert [verdict.word for verdict in found.verdicts] == ["worse", "INVALID", "INVALID"]
