"""An observation says what is not as promised, for each thing that can be; and the page shows it."""

from pathlib import Path
from typing import cast

import msgspec
import pytest

from lab.errors import UsageError
from lab.faults import page
from lab.faults.book import FORMAT, Book, entry_of, read
from lab.faults.links import Links
from lab.faults.observation import observe
from lab.faults.rows import LATEST_SECONDS, ROWS, named
from lab.faults.run import _judge_queries
from lab.faults.scene import Scene
from lab.faults.verbs import VERBS
from lab.faults.watching import Queries, _rates
from lab.load import figures, record
from lab.load import job as pipe
from lab.load.figures import Deliveries, Rows, Samples
from lab.load.record import RunRecord
from lab.load.schedule import make_schedule
from lab.stack.description import Database, StackDescription
from tests.lab.faults.made_up import calm, changed

ENDS = ("client", "backend", "websocket")
STRICT = named("haproxy-reloaded")  # nothing may be noticed


def seen(run: RunRecord, row=STRICT):
    return observe(row, run, (5.0, 5.1), timeout=2.0)


def test_a_calm_run_holds():
    assert seen(calm()).broken == []


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        ({"acknowledged_not_stored": 1}, "1 lost"),
        ({"not_delivered": 2}, "2 lost"),
        ({"duplicates_after_client": 3}, "3 twice"),
        ({"out_of_order_after_client": 4}, "4 out of order"),
        ({"misrouted": 5, "clean": False}, "the ledger is not clean: "),
        ({"slowest_delivery_seconds": 9.0}, "a message came after 9.0 s, bound 3 s"),
        ({"closes": {"4001": 1, "1006": 6}}, "sockets closed: 6 x 1006, 1 x 4001"),
    ],
)
def test_each_broken_promise_is_named(ledger, words):
    assert seen(changed(calm(), ledger=ledger)).broken == [words]


def test_a_failed_or_dropped_send_breaks_a_row_that_does_not_allow_it():
    assert seen(changed(calm(), total={"errors": {"503": 2}, "dropped": 1})).broken == [
        "3 sends failed (2 x 503)"
    ]


def test_a_slow_answer_breaks_only_a_row_in_which_sends_may_not_wait():
    slow = changed(calm(), total={"intended": msgspec.structs.replace(calm().total.intended, max=2.5)})
    assert seen(slow).broken == ["a send took 2.5 s"]
    assert seen(slow, named("api-killed")).broken == []


def test_what_the_generator_was_late_itself_breaks_no_bound():
    intended, lag = (msgspec.structs.replace(calm().total.intended, max=late) for late in (2.5, 0.7))
    late = changed(calm(), {"slowest_delivery_seconds": 3.5}, {"intended": intended, "lag": lag})
    assert seen(late).broken == []
    lag = msgspec.structs.replace(lag, max=0.3)
    late = changed(calm(), {"slowest_delivery_seconds": 3.5}, {"intended": intended, "lag": lag})
    assert len(seen(late).broken) == 2


def answered_late(first: float, back: float) -> RunRecord:
    """Fifteen seconds of 20 sends each; what was due from `first` on was tried again until `back`."""
    start = 1000.0
    schedule = make_schedule(20, 15, 1, shares={"send": 1.0}, sides=1, dialogs=3)
    rows, sends, applied = Rows(), bytearray(), bytearray()
    for number, due in enumerate((schedule.due + start).tolist()):
        hit = start + first <= due < start + back
        came = start + back + 0.5 if hit else due + 0.002
        sends += pipe.OPERATION_ROW.pack(number, 201, due, due, came, number, 20 if hit else 1)
        applied += pipe.APPLIED_ROW.pack(0, 0, number, number, came)
    rows.add(pipe.Report(phase="running", operations=bytes(sends), applied=bytes(applied)))
    samples = Samples.of(schedule, rows.whole("operations"), start)
    deliveries = Deliveries.of(rows.whole("applied"), samples, None)
    seconds = [
        figures.second(at, start + at, samples=samples, deliveries=deliveries, limit=2.0, sockets=1)
        for at in range(15)
    ]
    return msgspec.structs.replace(calm(), seconds=seconds)


def test_an_outage_is_seen_though_every_send_was_answered_in_the_end():
    run = answered_late(5.0, 11.0)
    assert all(one.ok == one.offered for one in run.seconds)
    observation = seen(run, named("api-killed"))
    assert observation.silent_seconds == 6
    entry = entry_of(observation, run, "stack")
    for values in (entry.drawn.answers, entry.drawn.receipts):
        assert [at for at, value in enumerate(values) if not value] == [5, 6, 7, 8, 9, 10]
        assert values[11] > 100
    assert "6 s without a good answer" in page.told(named("api-killed"), entry)[0]
    assert seen(calm()).silent_seconds == 0


def test_a_silence_that_was_not_counted_is_not_told():
    uncounted = [msgspec.structs.replace(one, answers=None, receipts=None) for one in calm().seconds]
    run = msgspec.structs.replace(calm(), seconds=uncounted)
    assert seen(run).silent_seconds is None


def test_a_row_names_the_closes_that_it_allows_and_no_other():
    closed = changed(calm(), ledger={"closes": {"4003": 2, "1006": 6}})
    assert seen(closed, named("websocket-killed")).broken == ["sockets closed: 2 x 4003"]


def later(run: RunRecord, seconds: int, p99: dict[int, float | None]) -> RunRecord:
    """The run with so many seconds, whose deliveries had these p99."""
    one = run.seconds[0]
    return msgspec.structs.replace(
        run,
        seconds=[
            msgspec.structs.replace(one, at=float(at), delivery_p99=p99.get(at, 0.02))
            for at in range(seconds)
        ],
    )


@pytest.mark.parametrize(
    ("p99", "broken"),
    [
        ({10: 30.0, 40: 12.0, 65: 12.0, 42: 5.0}, []),  # before the sweep has come, and after the mending
        ({42: 6.5}, ["from the sweep to the mending messages came after 6.5 s, bound 6 s"]),
        ({63: 6.5}, ["from the sweep to the mending messages came after 6.5 s, bound 6 s"]),
        (dict.fromkeys(range(80)), ["from the sweep to the mending nothing came, bound 6 s"]),
    ],
)
def test_what_is_sent_after_the_sweep_has_a_bound_of_its_own(p99, broken):
    row, run = named("broker-memory-alarm"), later(calm(), 80, p99)
    observation = observe(row, run, (5.0, 65.0), timeout=2.0)
    assert observation.broken == broken
    told = page.told(row, entry_of(observation, run, "stack"))[1]
    assert ("from the sweep on 5.0 s (bound 6 s)" in told) == (not broken)


def test_rows_whose_bound_counts_from_the_sweep_last_longer_than_the_sweep_takes():
    rows = [row for row in ROWS if row.polled_seconds is not None]
    assert {row.name for row in rows} == {
        "broker-memory-alarm",
        "broker-disk-alarm",
        "publisher-link-stalled",
    }
    assert all(row.lasts_seconds > LATEST_SECONDS + 20 for row in rows)


def test_repair_counts_from_the_fault_to_the_last_late_message():
    run = calm()
    late = [
        msgspec.structs.replace(one, delivery_p99=4.0 if number == 6 else 0.01)
        for number, one in enumerate(run.seconds)
    ]
    assert seen(msgspec.structs.replace(run, seconds=late)).repair_seconds == pytest.approx(6 + 4 - 5)


def test_the_database_is_busiest_in_the_worst_few_seconds_after_the_fault():
    assert _rates([50, 50, 50, 10, 60, 200, 100, 50], fault_at=3) == (50, 120)


@pytest.mark.parametrize(
    ("counts", "troubles"),
    [
        ([0, 50, 100, 150, 200, 250], []),
        ([0, 50, 100, 150, 200, 430], ["database queries 50/s before, at most 110/s after"]),
        ([0, 50, 100, 150, 200], ["the database's queries could not be counted to the end"]),  # it broke
        ([], ["the database's queries could not be counted to the end"]),
    ],
)
def test_queries_that_were_not_counted_to_the_end_prove_nothing(counts, troubles):
    database = Database("127.0.0.1", 1, "lab", "", "lab")
    stack = StackDescription("stack", Path(), [], [], database, "")
    scene, queries = Scene(stack, cast("Links", None)), Queries(stack)
    queries.counts = counts[:3]
    queries.mark()
    queries.counts = counts
    _judge_queries(2.0, queries, scene)
    assert scene.troubles == troubles


def test_where_the_database_counts_no_queries_no_figure_is_given():
    stack = StackDescription("docker", Path(), [], [], Database("127.0.0.1", 1, "lab", "", "lab"), "")
    scene = Scene(stack, cast("Links", None))
    _judge_queries(2.0, Queries(stack), scene)
    assert scene.troubles == []
    assert scene.notes == ["the database does not count its queries here, so that they are not judged"]


def test_what_a_row_itself_found_breaks_it():
    assert observe(STRICT, calm(), (5.0, 5.1), 2.0, troubles=["memory grew"]).broken == ["memory grew"]


def test_every_row_has_a_name_of_its_own_and_a_bound_within_the_promise():
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert 0 < row.late_seconds <= LATEST_SECONDS and row.watch_seconds > 0
        assert row.sender and row.recipient
    assert {row.name for row in ROWS if row.quick}


def test_every_row_is_made_of_known_verbs_and_mends_what_stays_broken():
    stays = {"freeze", "stall", "half-open", "cut-off", "alarm", "copy-hints", "delay-half", "stop-reading"}
    for row in ROWS:
        words = [words.split()[0] for words in (row.begin, row.mend) if words]
        assert set(words) <= set(VERBS), row.name
        assert bool(row.mend) == bool(row.lasts_seconds) == (words[0] in stays), row.name
        assert row.front == any(
            f"{end}-haproxy" in row.begin or f"haproxy-{end}" in row.begin for end in ENDS
        )


def test_a_promise_of_no_disconnect_is_kept_by_all_rows_but_those_that_say_1006():
    for row in ROWS:
        assert bool(row.closes) == ("1006" in row.recipient and row.name != "clients-stop-reading"), row.name


def test_the_pages_show_expectation_beside_observation_and_keep_other_rows(tmp_path):
    run = calm()
    for row in (STRICT, named("api-killed")):
        book = read(tmp_path / "faults.json")
        book.entries[row.name] = entry_of(seen(run, row), run, "stack")
        page.write(book, tmp_path)
    words = (tmp_path / "faults.md").read_text()
    assert "**2 of 2 rows held.**" in words and "retry with the same id" in words
    drawn = (tmp_path / "faults.html").read_text()
    assert drawn.count("<svg") == 2 and "fault" in drawn


def test_a_line_stands_with_what_was_expected_when_it_was_run(tmp_path):
    run = calm()
    entry = entry_of(seen(run), run, "stack")
    book = Book(entries={STRICT.name: entry})
    words = page.markdown(book)
    assert page.OLDER not in words and "1 of 1 runs are of the newest code among them" in words
    older = {**(entry.row or {}), "sender": "once something", "late_seconds": 9.0, "gone_since": 1}
    book.entries[STRICT.name] = msgspec.structs.replace(entry, row=older)
    page.write(book, tmp_path)
    words = page.markdown(read(tmp_path / "faults.json"))
    assert (
        "sender: once something<br>" in words
        and "(bound 9 s)" in words
        and f"| yes ({page.OLDER}) |" in words
    )
    assert "By an older form of the row." in (tmp_path / "faults.html").read_text()


def test_a_row_is_the_same_whatever_lane_it_is_in():
    quick = msgspec.structs.replace(STRICT, quick=not STRICT.quick)
    assert entry_of(seen(calm()), calm(), "stack").by_today(quick)


def test_runs_that_did_not_keep_what_was_expected_are_counted():
    run = calm()
    unkept = msgspec.structs.replace(entry_of(seen(run), run, "stack"), row=None, at=run.started_at - 60)
    newer = entry_of(seen(run, named("api-killed")), run, "stack")
    newer = msgspec.structs.replace(newer, machine=msgspec.structs.replace(run.machine, commit="abc"))
    words = page.markdown(Book(entries={STRICT.name: unkept, "api-killed": newer}))
    assert "1 of 2 runs are of the newest code among them, commit abc. 1 did not keep what" in words
    assert page.OLDER not in words


def test_what_compose_showed_stands_on_a_page_of_its_own(tmp_path):
    """A row that held on a host says nothing about the same row under compose."""
    run, name = calm(), page.name_of("docker")
    assert name != page.name_of("stack") == page.name_of("multi")
    book = Book(entries={STRICT.name: entry_of(seen(run), run, "docker")})
    table = [STRICT, named("api-killed")]
    assert [path.name for path in page.write(book, tmp_path, name, table)] == [
        "faults-docker.json",
        "faults-docker.md",
        "faults-docker.html",
    ]
    words = (tmp_path / "faults-docker.md").read_text()
    assert "under docker compose" in words and "](faults-docker.html)" in words
    assert "Rows not run yet: api-killed." in words and "`lab faults --mode docker --rate" in words


def test_the_page_says_when_the_code_was_not_as_committed():
    run = calm()
    run = msgspec.structs.replace(run, machine=msgspec.structs.replace(run.machine, changed=True))
    book = Book(entries={STRICT.name: entry_of(seen(run), run, "stack")})
    assert "commit unknown, with changes that are not committed" in page.markdown(book)


def test_the_page_names_the_servers_of_a_stack_on_this_machine():
    run = calm()
    run = msgspec.structs.replace(
        run, machine=msgspec.structs.replace(run.machine, packages={"RabbitMQ": "4.1.2", "redis": "6"})
    )
    for mode, told in (("stack", True), ("docker", False)):
        book = Book(entries={STRICT.name: entry_of(seen(run), run, mode)})
        assert (", RabbitMQ 4.1.2, commit" in page.markdown(book)) == told


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "faults.json").write_text('{"format": "else"}')
    with pytest.raises(UsageError):
        read(tmp_path / "faults.json")


def test_a_row_that_did_not_hold_is_shown_as_such(tmp_path):
    lost = changed(calm(), ledger={"not_delivered": 2})
    book = Book(entries={STRICT.name: entry_of(seen(lost), lost, "stack")})
    assert "**NO**: 2 lost" in page.markdown(book)
    assert record.FORMAT != FORMAT
