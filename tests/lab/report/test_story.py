"""A record told: its figures are the page's figures."""

from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from lab.cli import run as lab
from lab.load.record import Latency, RunRecord, load
from lab.report import run
from lab.report.histograms import spectrum
from lab.report.ledger import checks
from lab.report.story import story_of

EXAMPLE = Path(__file__).parents[1] / "load" / "example_record.json"


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return load(EXAMPLE)


def test_spectrum_agrees_with_the_records_own_percentiles(record: RunRecord) -> None:
    points = dict(spectrum(record.total.intended))
    assert points[0.5] == pytest.approx(record.total.intended.p50, rel=0.01)
    assert points[0.99] == pytest.approx(record.total.intended.p99, rel=0.01)


def test_spectrum_ends_where_fewer_than_ten_samples_are_left() -> None:
    histogram = HdrHistogram(1, 60_000_000, 3)
    for number in range(1, 1001):
        histogram.record_value(number)
    latency = Latency(samples=1000, hdr=histogram.encode().decode())
    assert max(quantile for quantile, _ in spectrum(latency)) == 0.99


def test_no_samples_give_no_points() -> None:
    assert spectrum(Latency(samples=0)) == []
    assert spectrum(None) == []


def test_every_part_of_the_record_is_on_the_page(record: RunRecord) -> None:
    page = run.html(story_of(record))
    for text in (
        "✓ VALID",
        record.verdict.sentence,
        record.command,
        record.guards[0].seen,
        f"{record.ledger.acknowledged:,} acknowledged, {record.ledger.stored:,} rows found",
        "98 samples were slow, 80 had to be",
        "a sync of 8 KiB takes",
        "backend-1",
        "pushed to received",
    ):
        assert text in page, text


def test_again_makes_the_stack_and_its_people_too(record: RunRecord) -> None:
    stack = msgspec.structs.replace(record.stack, levers={"POOL_SIZE": "5"})
    told = story_of(msgspec.structs.replace(record, stack=stack)).command.splitlines()
    assert told[0] == "lab up --mode multi --api 1 --websocket 1 --set POOL_SIZE=5"
    assert told[1:] == [f"lab seed --users {record.settings.users}", record.command]
    assert (
        story_of(msgspec.structs.replace(record, command="lab demo --rate 5")).command == "lab demo --rate 5"
    )


def test_a_busy_machine_is_told_beside_the_verdict(record: RunRecord) -> None:
    assert record.pressure
    busy = msgspec.structs.replace(
        record, pressure=msgspec.structs.replace(record.pressure, cores_of_others=1.1)
    )
    assert "Other programs used 1.1 of the machine's 2 cores" in " ".join(story_of(busy).notes)
    quiet = msgspec.structs.replace(record, pressure=None)
    assert story_of(quiet).notes == []


def test_advice_is_given_where_a_guard_failed(record: RunRecord) -> None:
    guard = msgspec.structs.replace(record.guards[0], advice="lower the rate")
    failed = msgspec.structs.replace(guard, ok=False)
    told = story_of(msgspec.structs.replace(record, guards=[guard, failed])).guards
    assert ["Try: lower the rate" in one.words for one in told] == [False, True]


def _clean(record: RunRecord, **changes: object) -> dict[str, bool]:
    return {one.name: one.ok for one in checks(msgspec.structs.replace(record.ledger, **changes))}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"acknowledged_not_stored": 1}, "acknowledged = stored"),
        ({"answered_otherwise": 1}, "acknowledged = stored"),
        ({"compared_with_database": False}, "stored"),
        ({"not_delivered": 1}, "delivered"),
        ({"duplicates_after_client": 1}, "once"),
        ({"out_of_order_after_client": 1}, "in order"),
        ({"misrouted": 1}, "to nobody else"),
        ({"seq_gaps_in_database": 1}, "numbered without gaps"),
        ({"reads": 9, "stale_own_reads": 1, "clean": False}, "read what was written"),
    ],
)
def test_each_broken_promise_has_its_red_line(
    record: RunRecord, change: dict[str, object], line: str
) -> None:
    assert all(_clean(record).values())
    assert [name for name, ok in _clean(record, **change).items() if not ok] == [line]


def test_what_the_promise_allows_is_not_red(record: RunRecord) -> None:
    allowed = {
        "reads": 9,
        "stale_own_reads": 1,  # read_routing=replica says so itself
        "duplicates_on_wire": 5,
        "out_of_order_on_wire": 5,
        "gaps_on_wire": 2,
        "stored_not_acknowledged": 1,
    }
    assert all(_clean(record, **allowed).values())


def test_report_command_writes_the_page_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    result.write_bytes(EXAMPLE.read_bytes())
    assert lab(["report", str(result)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "result.html"
    assert path.read_text().startswith("<!doctype html>")


def test_report_command_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(["report", str(tmp_path / "none.json")]) == 1
    assert "No such file" in capsys.readouterr().err
    other = tmp_path / "other.json"
    other.write_text('{"format": "something else"}')
    assert lab(["report", str(other)]) == 1
    assert "no result of a load" in capsys.readouterr().err
