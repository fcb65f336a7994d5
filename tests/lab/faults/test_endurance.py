"""Many faults under one load, with one ledger over all of them."""

import itertools
import re

import msgspec
import pytest

from lab.commands import faults
from lab.errors import StackError, UsageError
from lab.faults import endurance, endurance_page
from lab.faults.book import entry_of
from lab.faults.endurance import Endurance, Struck
from lab.faults.observation import Observation
from lab.faults.rows import LATEST_SECONDS, ROWS, named
from tests.lab.faults.made_up import calm, changed

STRUCK = [
    Struck(
        name="api-killed", began=1.0, mended=1.5, whole=2.5, notes=["backend-1 started again after 1.0 s"]
    ),
    Struck(name="haproxy-reloaded", began=5.0, mended=5.1, whole=5.3),
]


def judged(run=None, struck=STRUCK) -> Observation:
    return endurance._judged(ROWS, run or calm(), struck)


def found(run=None, struck=STRUCK) -> Endurance:
    run = run or calm()
    return Endurance(
        command="lab faults --minutes 1",
        minutes=1,
        struck=struck,
        entry=entry_of(judged(run, struck), run, "stack"),
    )


def test_each_row_comes_once_before_any_comes_again_and_a_seed_gives_its_order():
    rows = list(ROWS)
    drawn = list(itertools.islice(endurance.order(rows, 1), 2 * len(rows)))
    first, second = drawn[: len(rows)], drawn[len(rows) :]
    assert {row.name for row in first} == {row.name for row in second} == {row.name for row in rows}
    assert first not in (second, rows)
    assert drawn == list(itertools.islice(endurance.order(rows, 1), 2 * len(rows)))
    assert first != list(itertools.islice(endurance.order(rows, 2), len(rows)))


def test_rows_that_want_settings_or_a_load_of_their_own_are_left_out():
    out = {row.name for row in ROWS if not endurance.fits(row)}
    assert out == {
        *("api-killed-outbox", "api-killed-unconfirmed", "broker-killed-unconfirmed"),
        "broker-only-node-killed",
        *("postgres-killed-undurable", "clients-stop-reading", "ten-thousand-come-and-go"),
    }


def test_a_calm_series_is_as_promised():
    assert judged().held


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        ({"not_delivered": 1}, "1 lost"),
        ({"duplicates_after_client": 2}, "2 twice"),
        ({"out_of_order_after_client": 3}, "3 out of order"),
        ({"closes": {"4002": 1}}, "1 x 4002"),
        ({"closes": {"4501": 1}}, "1 x 4501"),
        ({"slowest_delivery_seconds": LATEST_SECONDS + 1}, "37.0 s"),
    ],
)
def test_one_message_wrong_in_the_whole_series_breaks_it(ledger, words):
    assert words in " ".join(judged(changed(calm(), ledger=ledger)).broken)


def test_a_part_that_stays_away_breaks_it_by_name():
    away = msgspec.structs.replace(STRUCK[1], back=False, troubles=["not well after 90 s: haproxy"])
    assert judged(struck=[STRUCK[0], away]).broken == ["haproxy-reloaded: not well after 90 s: haproxy"]
    assert "NOT as promised: haproxy-reloaded" in endurance_page.markdown(found(struck=[away]))


def test_what_the_own_check_of_a_fault_found_is_told_and_is_no_broken_promise():
    copied = msgspec.structs.replace(STRUCK[1], troubles=["no hint was copied"])
    assert judged(struck=[STRUCK[0], copied]).held
    assert "- haproxy-reloaded: no hint was copied" in endurance_page.markdown(found(struck=[copied]))


def test_a_fault_that_could_not_be_brought_about_is_told_and_not_counted():
    not_done = msgspec.structs.replace(STRUCK[1], done=False, troubles=["kill x: x does not run"])
    page = endurance_page.markdown(found(struck=[STRUCK[0], not_done]))
    assert "**1 faults of 1 kinds" in page and "- haproxy-reloaded: kill x: x does not run" in page
    assert "HAProxy is reloaded" not in page


async def test_a_part_that_stays_away_is_seen_and_the_next_fault_chooses_anew(monkeypatch):
    class Away:
        def __init__(self) -> None:
            self.notes, self.troubles, self.chosen = ["old"], ["old"], {"consume-node": "rabbit"}

    async def attempt(scene, words):
        assert not scene.chosen
        return True

    async def calm(scene, mend):
        raise StackError("not well after 90 s: rabbit")

    monkeypatch.setattr(endurance, "attempt", attempt)
    monkeypatch.setattr(endurance, "calm", calm)
    struck = await endurance._strike(named("haproxy-reloaded"), Away())  # type: ignore[arg-type]
    assert struck.done and not struck.back
    assert struck.troubles == ["not well after 90 s: rabbit"] and struck.notes == []


def test_the_latest_message_after_a_fault_is_looked_for_up_to_the_next_one():
    run = calm()
    late = {3: 4.0, 7: 2.0}
    seconds = [
        msgspec.structs.replace(one, delivery_p99=late.get(number, one.delivery_p99))
        for number, one in enumerate(run.seconds)
    ]
    run = msgspec.structs.replace(run, seconds=seconds)
    assert endurance_page.latest_after_each(found(run)) == [4.0, 2.0]


def test_rows_that_ran_under_another_load_and_those_that_did_not_run_are_named():
    proxy = Struck(name="haproxy-killed", began=7.0, mended=7.0, whole=8.3)
    not_done = Struck(name="api-frozen", began=8.0, mended=8.0, whole=8.3, done=False, troubles=["no"])
    words = endurance_page.markdown(found(struck=[*STRUCK, proxy, not_done]))
    assert "is run by itself with sockets=800, dialogs=400; here with --sockets 200." in words
    missing = re.search(r"Not among them: (.*)\.\n", words)
    assert missing and set(missing[1].split(", ")) == {row.name for row in ROWS} - {
        *("api-killed", "haproxy-reloaded", "haproxy-killed")
    }


def test_the_pages_count_the_faults_and_mark_each(tmp_path):
    places = endurance_page.write(found(), tmp_path)
    assert msgspec.json.decode(places[0].read_bytes(), type=Endurance).struck == STRUCK
    words = places[1].read_text()
    assert "**2 faults of 2 kinds in 1 minutes; " in words and named("api-killed").what in words
    drawn = places[2].read_text()
    assert drawn.count("<svg") == 1 and drawn.count("<tr><td>") == 2
    assert "backend-1 started again" in drawn


def test_a_running_compose_stack_is_not_broken_for_minutes():
    with pytest.raises(UsageError, match="--mode multi or --mode stack"):
        faults.command(minutes=1, mode="docker")


@pytest.mark.slow
@pytest.mark.stack
@pytest.mark.timeout(300)
def test_a_stack_that_is_broken_again_and_again_loses_nothing(tmp_path):
    names = ["api-killed", "websocket-killed", "database-link-reset"]
    faults.command(names, minutes=0.6, mode="multi", rate=40, sockets=60, output=tmp_path)
    series = msgspec.json.decode((tmp_path / "endurance.json").read_bytes(), type=Endurance)
    assert len({one.name for one in series.struck if one.done}) >= 2
    assert series.entry.observation.held and series.entry.observation.closes.keys() <= {"1006"}
