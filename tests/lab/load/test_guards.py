"""The guards: each refuses what it is for, and the verdict says why."""

from dataclasses import replace

import msgspec
import pytest

from lab.load import guards
from lab.load.ledger import balance
from lab.load.record import Figures, Latency
from tests.lab.load.test_ledger import honest

LEDGER = balance(honest(20, 1))


def _latency(p50: float, p99: float) -> Latency:
    return Latency(samples=1000, mean=p50, p50=p50, p90=p99, p99=p99, p999=p99, max=p99)


def _figures(**changes: object) -> Figures:
    usual = Figures(
        offered=1000,
        sent=1000,
        ok=1000,
        dropped=0,
        intended=_latency(0.004, 0.02),
        send=_latency(0.004, 0.02),
        lag=_latency(0.0002, 0.0008),
    )
    return msgspec.structs.replace(usual, **changes)


def test_good_run_is_valid():
    total = _figures()
    checks = [
        guards.achieved(999, total),
        guards.errors(total),
        guards.lag(total),
        guards.generator_cpu([0.4]),
    ]
    found = guards.verdict([*checks, guards.ledger_clean(LEDGER)], total, LEDGER, 10)
    assert found.word == "VALID" and found.reasons == []
    assert "p99 20 ms" in found.sentence and "100 operations/s" in found.sentence


@pytest.mark.parametrize(("late", "claimed"), [(0.0019, True), (0.0021, False)])
def test_a_p99_that_is_the_generators_by_more_than_a_tenth_is_not_claimed(late, claimed):
    total = _figures(lag=_latency(0.0002, late))
    found = guards.verdict([guards.lag(total)], total, LEDGER, 10)
    assert found.word == "VALID" and guards.claims_p99(total) is claimed
    assert ("p99 not claimed (20 ms, " in found.sentence) is not claimed


@pytest.mark.parametrize(("answered", "ok"), [(990, True), (989, False)])
def test_too_few_answers_in_time_are_refused(answered, ok):
    assert guards.achieved(answered, _figures()).ok is ok


@pytest.mark.parametrize(
    ("errors", "ok"), [({}, True), ({"503": 1}, True), ({"503": 9, "timeout": 1}, False)]
)
def test_one_percent_of_failures_refuses_the_latency(errors, ok):
    assert guards.errors(_figures(errors=errors)).ok is ok


@pytest.mark.parametrize(
    ("lag", "ok"),
    [((0.0001, 0.0005), True), ((0.0004, 0.009), True), ((0.0001, 0.011), False), ((0.0005, 0.003), False)],
)
def test_generator_that_is_late_itself_is_refused(lag, ok):
    assert guards.lag(_figures(lag=_latency(*lag))).ok is ok


def test_a_median_of_a_millisecond_that_is_half_the_generators_is_refused():
    quick = _figures(intended=_latency(0.001, 0.02), lag=_latency(0.0005, 0.001))
    assert not guards.lag(quick).ok
    assert guards.lag(msgspec.structs.replace(quick, lag=_latency(0.0001, 0.001))).ok


def test_generator_at_the_end_of_its_core_is_refused():
    assert guards.generator_cpu([0.3, 0.5]).ok and not guards.generator_cpu([0.3, 0.95]).ok


def test_dead_generator_is_refused():
    assert not guards.generator_alive(["generator-1 ended while it was running"]).ok


def test_unclean_ledger_voids_every_latency():
    books = honest(20, 1)
    broken = balance(replace(books, applied=list(books.applied)[1:]))
    found = guards.verdict([guards.ledger_clean(broken)], _figures(), broken, 10)
    assert found.word == "INVALID" and "void" in found.sentence
    assert "1 not delivered" in found.reasons[0]


def test_run_without_any_answer_is_invalid():
    nothing = Latency(samples=0)
    total = _figures(offered=0, sent=0, ok=0, intended=nothing, send=nothing, lag=nothing)
    assert not guards.achieved(0, total).ok and not guards.lag(total).ok
