"""What sessions of one question say together, beyond what the pairs of one know."""

import re
from dataclasses import replace
from pathlib import Path

from lab.notebook.sessions import another_session, asked_again, what_sessions_say
from tests.lab.notebook.test_advice import beside
from tests.lab.report.made_up_pulls import made_up


def sessions(*effects, **changes):
    return [
        (
            Path(f"{at}.json"),
            replace(made_up(effect=effect, also=(), seed=at, **changes), started_at=float(at)),
        )
        for at, effect in enumerate(effects)
    ]


def row(found):
    [line] = [one for one in another_session(found) if one.startswith("| duet")]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_nothing_is_told_of_a_question_that_was_asked_once():
    once, other = sessions(1.3), sessions(1.3, lever="http_parser", values=("httptools", "h11"))
    assert another_session(once) == []
    assert another_session([*once, *other]) == []


def test_sessions_that_agree_add_nothing_and_others_do():
    agree, differ = row(sessions(1.3, 1.3, 1.3, 1.3)), row(sessions(1.1, 1.3, 1.5, 1.7))
    assert agree[:5] == ["duet", "CPU", "1", "4", "0"]
    assert differ[4] == "1"
    assert float(agree[6].partition("%")[0]) < 2
    assert float(differ[6].partition("%")[0]) > 10


def test_only_firm_sessions_of_the_same_load_count():
    found = sessions(1.3, 1.3)
    busy = beside(found[0], 1.5)
    path, longer = found[0]
    longer = (path, replace(longer, plan={**longer.plan, "trial_seconds": 30.0}))
    assert len(asked_again(found[0][1], found)) == 2
    assert len(asked_again(found[0][1], [*found, busy, longer])) == 2


def test_a_metric_beside_the_one_that_decided_counts_where_it_decided_another():
    (path, one), other = sessions(1.3, 1.3)
    waiting = replace(one.primary, metric="p50")
    of_both = replace(one, verdicts=[waiting, one.primary])
    assert len(asked_again(other[1], [(path, of_both), other])) == 2
    assert len(asked_again(other[1], [(path, replace(one, verdicts=[waiting])), other])) == 1


def test_of_two_sessions_the_range_is_told_and_of_three_the_mean_with_its_interval():
    found = sessions(1.28, 1.30, 1.33)
    assert what_sessions_say(found[0][1], found[:1]) == "1"
    assert re.fullmatch(r"2: \+2\d\.\d % to \+[23]\d\.\d %", what_sessions_say(found[0][1], found[:2]))
    three = what_sessions_say(found[0][1], found)
    assert re.fullmatch(r"3: \+3\d\.\d % \(\+2\d\.\d % to \+[34]\d\.\d %\)", three)


def test_sessions_of_another_machine_stand_apart():
    here, *there = sessions(1.3, 1.3, 1.3)
    moved = [(path, replace(one, fingerprint={**one.fingerprint, "kernel": "6.2"})) for path, one in there]
    said = what_sessions_say(here[1], [here, *moved[:1]])
    assert re.fullmatch(r"1, ◊ 1: \+[23]\d\.\d %", said)
    assert what_sessions_say(here[1], [here, *moved]).startswith("1, ◊ 2: +")
    assert what_sessions_say(moved[0][1], [here, *moved]).startswith("2: +")


def test_a_session_on_another_machine_does_not_count():
    (path, one), other = sessions(1.3, 1.3)
    elsewhere = (path, replace(one, fingerprint={**one.fingerprint, "cores": 64}))
    assert len(asked_again(other[1], [elsewhere, other])) == 1
