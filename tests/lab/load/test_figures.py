"""From rows to figures: what failed is not fast, what was dropped is counted, nothing is averaged."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from lab.load import figures
from lab.load import job as pipe
from lab.load.figures import Deliveries, Rows, Samples
from lab.load.http_client import DROPPED, NO_CONNECTION, TIMED_OUT
from lab.load.record import Figures, Second
from lab.load.schedule import make_schedule

START, LIMIT = 1000.0, 5.0


def _samples(outcomes: dict[int, tuple[int, float]], late: float = 0.0) -> Samples:
    """Arrival -> (status, seconds from sent to answered); the others were answered with 201 in 2 ms."""
    schedule = make_schedule(100, 2, 1, shares={"send": 1.0}, sides=2, dialogs=3)
    rows = Rows()
    packed = bytearray()
    for number, due in enumerate(schedule.due.tolist()):
        status, taken = outcomes.get(number, (201, 0.002))
        fired = START + due + late
        packed += pipe.OPERATION_ROW.pack(number, status, fired, fired, fired + taken, number, 1)
    rows.add(pipe.Report(phase="running", operations=bytes(packed)))
    return Samples.of(schedule, rows.whole("operations"), START)


def _all(samples: Samples) -> Figures:
    return figures.figures(samples, np.ones(len(samples.due), dtype=bool), LIMIT, None)


def test_latency_counts_from_the_intended_time():
    total = _all(_samples({}, late=0.3))
    assert total.intended.p50 == pytest.approx(0.302, abs=1e-6)
    assert total.send.p50 == pytest.approx(0.002, abs=1e-6)
    assert total.lag.p50 == pytest.approx(0.3, abs=1e-6)


def test_failed_requests_are_counted_and_never_fast():
    total = _all(_samples({1: (500, 0.0001), 2: (NO_CONNECTION, 0.0001), 3: (TIMED_OUT, 5.0), 4: (500, 9.0)}))
    assert total.errors == {"500": 2, "connection": 1, "timeout": 1}
    assert total.sent == total.offered == total.ok + 4
    assert total.intended.samples == total.offered
    assert total.intended.max == pytest.approx(9.0, abs=1e-3)
    assert total.intended.p999 is not None and total.intended.p999 >= LIMIT


def test_dropped_arrivals_are_offered_but_not_sent():
    total = _all(_samples({5: (DROPPED, 0.0), 6: (DROPPED, 0.0)}))
    assert (total.dropped, total.offered - total.sent, total.sent - total.ok) == (2, 2, 0)
    assert total.intended.samples == total.sent


def test_arrivals_without_a_report_are_errors():
    schedule = make_schedule(100, 2, 1, shares={"send": 1.0}, sides=1, dialogs=3)
    samples = Samples.of(schedule, Rows().whole("operations"), START)
    total = _all(samples)
    assert total.errors == {"unreported": total.offered} and total.ok == 0


def test_histogram_holds_the_same_samples_as_the_percentiles():
    values = np.random.default_rng(1).lognormal(-6, 1, 5000)
    found = figures.latency(values)
    histogram = HdrHistogram.decode(found.hdr)
    assert histogram.get_total_count() == found.samples == 5000
    for share, seconds in ((50, found.p50), (99, found.p99)):
        assert seconds is not None
        assert histogram.get_value_at_percentile(share) / 1e6 == pytest.approx(seconds, rel=0.005)


def test_merged_histograms_have_the_percentiles_of_all_samples_together():
    chance = np.random.default_rng(2)
    fast, slow = chance.lognormal(-7, 0.3, 4000), chance.lognormal(-3, 0.3, 400)
    merged = HdrHistogram.decode(figures.latency(fast).hdr)
    merged.decode_and_add(figures.latency(slow).hdr)
    both = figures.latency(np.concatenate([fast, slow]))
    assert merged.get_value_at_percentile(99) / 1e6 == pytest.approx(both.p99, rel=0.01)
    parts = [figures.latency(values).p99 or 0 for values in (fast, slow)]
    assert both.p99 is not None
    assert abs(sum(parts) / 2 - both.p99) > 0.2 * both.p99


def test_second_counts_arrivals_by_their_intended_time():
    samples = _samples({}, late=0.9)
    nothing = Deliveries.of(Rows().whole("applied"), samples, None)
    first = figures.second(0, START, samples=samples, deliveries=nothing, limit=LIMIT, sockets=7)
    assert first.offered == int((samples.due < START + 1).sum()) == first.ok
    assert first.in_flight == 0 and first.sockets == 7
    assert first.delivery_p50 is None


def test_slow_answers_are_in_flight_at_the_end_of_their_second():
    samples = _samples(dict.fromkeys(range(50), (201, 3.0)))
    nothing = Deliveries.of(Rows().whole("applied"), samples, None)
    first = figures.second(0, START, samples=samples, deliveries=nothing, limit=LIMIT, sockets=0)
    assert first.in_flight == 50


@pytest.mark.parametrize("by_device", [False, True])
def test_deliveries_count_for_their_side(by_device):
    samples = _samples({})
    rows = Rows()
    applied = b"".join(pipe.APPLIED_ROW.pack(1, 0, n, n, samples.due[n] + 0.25) for n in range(20))
    rows.add(pipe.Report(phase="running", applied=applied))
    sides = np.array([0, 1], dtype=np.uint8) if by_device else None
    found = Deliveries.of(rows.whole("applied"), samples, sides)
    assert found.taken == pytest.approx(np.full(20, 0.25))
    assert found.side.tolist() == ([1] * 20 if by_device else samples.side[:20].tolist())


def test_the_seconds_of_the_sides_add_up_to_those_of_all():
    samples = _samples({7: (500, 0.01)})
    applied = np.zeros(0, dtype=figures.LAYOUTS["applied"])
    deliveries = Deliveries.of(applied, samples, None)

    def second(of: Samples, delivered: Deliveries) -> Second:
        return figures.second(0, START, samples=of, deliveries=delivered, limit=LIMIT, sockets=0)

    whole = second(samples, deliveries)
    parts = [second(samples.of_side(number), deliveries.of_side(number)) for number in (0, 1)]
    assert all(part.ok > 0 for part in parts)
    for name in ("offered", "sent", "ok", "errors", "dropped", "in_flight"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


def test_hops_add_up_to_the_whole_way():
    samples = _samples({})
    clock = 1e9
    way = [samples.due[3] + clock + at for at in (0.001, 0.003, 0.004, 0.008, 0.009)]
    rows = Rows()
    rows.add(pipe.Report(phase="x", hops=pipe.HOPS_ROW.pack(0, 3, samples.due[3] + 0.010, *way)))
    found = figures.hops(rows.whole("hops"), samples, clock, START)
    assert [one.name for one in found] == list(figures.WAY_WORDS)
    assert sum(one.p50 for one in found) == pytest.approx(0.010, abs=1e-5)
