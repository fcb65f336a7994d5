"""The rate of the trials: two fifths of the lower capacity, and less where that fills the machine."""

import math
from dataclasses import replace

import msgspec
import pytest

from lab.errors import UsageError
from lab.experiments.capacities import attempt_of, rate_for
from lab.experiments.rig import generators_for
from lab.load.record import Guard, Machinery
from lab.scaling.capacity import Attempt, Bracket, Slo
from tests.lab.experiments.fake_stack import EXAMPLE, description


def bracket(passes, shares, fails=math.inf):
    """Rates that held, with the share of the machine that was in use at each."""
    held = tuple(Attempt(rate, 0.01, 1.0, 0.0, machine_share=share) for rate, share in shares.items())
    return Bracket(passes, fails, Slo(), held)


def test_with_room_on_the_machine_it_is_two_fifths_of_the_lower_capacity():
    roomy = {100: 0.2, 600: 0.5, 1_000: 0.69}
    rate, why = rate_for({"a": bracket(1_000, roomy, 1_100), "b": bracket(2_000, {1_000: 0.5}, 2_200)})
    assert (rate, why) == (400, "40% of the lower capacity")


def test_a_rate_that_fills_the_machine_is_lowered_to_one_that_does_not():
    full = {100: 0.3, 256: 0.6, 410: 0.75, 1_000: 0.98}
    rate, why = rate_for({"a": bracket(1_000, full, 1_100), "b": bracket(1_000, full, 1_100)})
    assert rate == 256
    assert "more than 70% of the machine" in why


def test_where_nothing_failed_the_capacity_was_not_reached():
    _, why = rate_for({side: bracket(4_000, {4_000: 0.4}) for side in "ab"})
    assert why.endswith("capacity not reached")


def test_a_machine_that_is_full_at_any_rate_is_said():
    rate, why = rate_for({side: bracket(1_000, {100: 0.8, 1_000: 0.95}, 1_100) for side in "ab"})
    assert rate == 400
    assert "in use at any rate" in why


def test_without_a_rate_that_held_one_must_be_given():
    with pytest.raises(UsageError, match="--rate"):
        rate_for({"a": bracket(0, {}, 1), "b": bracket(500, {}, 550)})


def test_an_attempt_knows_how_full_the_machine_and_the_generator_were():
    busy = Machinery(waited=0.1, busy_cores=1.5, cores_of_others=0.5)
    usage = [
        msgspec.structs.replace(one, cpu_seconds=0.95 * EXAMPLE.measured_seconds)
        if one.kind == "generator"
        else one
        for one in EXAMPLE.usage
    ]
    found = attempt_of(msgspec.structs.replace(EXAMPLE, pressure=busy, usage=usage))
    assert found.machine_share == 1.5 / EXAMPLE.machine.cores
    assert found.failure(Slo()) == "a generator process used 95% of its core"


def guards(**broken):
    return [Guard(name=name, ok=False, seen=seen, expected="") for name, seen in broken.items()]


def test_a_rate_at_which_messages_are_lost_does_not_hold():
    lost = msgspec.structs.replace(EXAMPLE, guards=guards(ledger="3 acknowledged but not stored"))
    assert attempt_of(lost).failure(Slo()) == "ledger: 3 acknowledged but not stored"
    assert attempt_of(EXAMPLE).failure(Slo()) == ""


def test_answers_that_come_too_late_do_not_hold_a_rate():
    late = msgspec.structs.replace(EXAMPLE, guards=guards(achieved="95.0% answered in the measured time"))
    assert attempt_of(late).failure(Slo()).startswith("achieved: 95.0% answered")
    unanswered = msgspec.structs.replace(EXAMPLE.total, ok=int(EXAMPLE.total.offered * 0.9))
    assert attempt_of(msgspec.structs.replace(EXAMPLE, total=unanswered)).achieved == 0.9


def test_a_late_generator_is_left_to_the_slo_since_it_only_adds_to_the_latency():
    late = msgspec.structs.replace(EXAMPLE, guards=guards(**{"generator lag": "late by 1 ms (p50)"}))
    assert attempt_of(late).failure(Slo()) == ""


def test_a_rate_above_what_one_generator_makes_is_made_by_several():
    stack = description("a")
    assert [generators_for(rate, stack) for rate in (100, 4_000, 4_001, 20_000)] == [1, 1, 2, 5]
    own_writes = replace(stack, levers={"READ_ROUTING": "replica_ryw"})
    assert generators_for(20_000, own_writes) == 1
