"""A run's record becomes one number a metric, of the right processes and the right side."""

from pathlib import Path

import msgspec
import pytest

from lab.experiments.arrangement import arrange
from lab.experiments.counting import Counters
from lab.experiments.trial import observations_of
from lab.load.record import Figures, Latency, Ledger, RunRecord, Usage, load
from lab.trials.schedule import SIDES, Side, Step
from tests.lab.experiments.fakes import plan

EXAMPLE = load(Path(__file__).parents[1] / "load" / "example_record.json")
TOGETHER = Step(3, 3, 0, SIDES, False)
ALONE = Step(5, 2, 1, ("b",), False)


def figures(ok=1_000, p50=0.004, sent=None, deliveries=0):
    latency = Latency(samples=ok, p50=p50, p99=p50 * 4)
    none = Latency(samples=0)
    return Figures(
        offered=sent or ok, sent=sent or ok, ok=ok, dropped=0, intended=latency, send=latency, lag=none,
        delivery=latency, deliveries=deliveries,
    )  # fmt: skip


def usage(name, seconds, kind="backend"):
    return Usage(name=name, kind=kind, cpu_seconds=seconds, cpu_seconds_per_1000=None, pss_bytes=50 * 2**20)


def record(**changes) -> RunRecord:
    base = {
        "sides": {"a": figures(), "a2": figures(), "b": figures(500, 0.006)},
        "total": figures(2_500),
        "usage": [
            usage("backend-1", 2.0),
            usage("backend-3", 1.5),
            usage("postgres for backend-3", 0.5, "postgres"),
            usage("postgres, own work", 0.4, "postgres"),
            usage("postgres", 0.0, "postgres"),  # of the whole server only the memory is known
            usage("websocket-1", 0.8, "websocket"),
            usage("generator-1", 5.0, "generator"),
            usage("lab", 3.0, "lab"),
        ],
    }
    return msgspec.structs.replace(EXAMPLE, **{**base, **changes})


def duet(tmp_path):
    return arrange(plan(design="duet"), tmp_path)


def test_the_bars_of_a_duet_show_what_the_sides_share_and_nothing_of_another_side(tmp_path):
    found = {one.side: one.detail for one in observations_of(record(), TOGETHER, plan(), duet(tmp_path))}
    # 0.8 s of the websocket service for 2,500 operations of all sides
    assert found["b"]["cpu"]["websocket-1 (shared)"] == pytest.approx(320)
    assert found["a"]["cpu"]["websocket-1 (shared)"] == pytest.approx(320)
    assert set(found["a"]["cpu"]) == {
        "backend", "postgres, own work", "websocket-1 (shared)", "generator-1", "lab"
    }  # fmt: skip


def test_the_busiest_service_is_named_and_the_generator_is_none(tmp_path):
    [first, *_] = observations_of(record(measured_seconds=4.0), TOGETHER, plan(), duet(tmp_path))
    assert first.detail["busiest"] == ["backend-1", 0.5]


def test_each_side_of_a_duet_has_its_own_seconds(tmp_path):
    own = {
        side: [msgspec.structs.replace(EXAMPLE.seconds[0], ok=number)] for number, side in enumerate(SIDES, 5)
    }
    found = observations_of(record(side_seconds=own), TOGETHER, plan(), duet(tmp_path))
    assert [one.detail["seconds"][0]["ok"] for one in found] == [5, 6, 7]


def test_stale_reads_are_carried_with_the_lever_that_makes_them(tmp_path):
    stale = msgspec.structs.replace(EXAMPLE.ledger, reads=200, stale_reads=10, stale_own_reads=4)
    asked = plan(lever="read_routing", values=("primary", "replica"), mix="list")
    [first, *_] = observations_of(record(ledger=stale), TOGETHER, asked, arrange(asked, tmp_path))
    assert first.detail["counted"] == {"stale_reads": 0.05, "stale_own_reads": 0.02}
    [other, *_] = observations_of(record(ledger=stale), TOGETHER, plan(), duet(tmp_path))
    assert other.detail["counted"] == {}


def test_a_duet_gives_each_side_its_own_processes_and_operations(tmp_path):
    found = {one.side: one for one in observations_of(record(), TOGETHER, plan(), duet(tmp_path))}
    assert list(found) == list(SIDES)
    # 2.0 s for 1,000 operations; 1.5 s for 500
    assert found["a"].metrics["cpu_per_1k"] == pytest.approx(2_000)
    assert found["b"].metrics["cpu_per_1k"] == pytest.approx(3_000)
    assert found["b"].metrics["p50"] == pytest.approx(6)
    assert found["b"].metrics["memory"] == pytest.approx(50)


def test_the_whole_cost_of_a_side_holds_the_databases_work_for_it(tmp_path):
    found = {one.side: one for one in observations_of(record(), TOGETHER, plan(), duet(tmp_path))}
    assert found["b"].metrics["cpu_per_1k_total"] == pytest.approx((1.5 + 0.5) / 500 * 1e6)


@pytest.mark.parametrize(
    ("values", "charged"),
    [(("off", "redis"), {"b": 0.3 / 500}), (("redis", "off"), {"a": 0.3 / 2_000, "a2": 0.3 / 2_000})],
)
def test_a_server_that_is_a_value_is_charged_to_the_sides_that_ask_it(tmp_path, values, charged):
    asked = plan(lever="cache", values=values, mix="get_user")
    with_redis = record(usage=[*record().usage, usage("redis", 0.3, "redis")])
    arrangement = arrange(asked, tmp_path)
    found = {one.side: one for one in observations_of(with_redis, TOGETHER, asked, arrangement)}
    without = {one.side: one for one in observations_of(record(), TOGETHER, asked, arrangement)}
    for side in SIDES:
        more = charged.get(side, 0.0) * 1e6
        total = without[side].metrics.get("cpu_per_1k_total", 0.0) + more
        assert found[side].metrics.get("cpu_per_1k_total", 0.0) == pytest.approx(total)
        assert found[side].detail["cpu"].get("redis", 0.0) == pytest.approx(more)
        assert "redis (shared)" not in found[side].detail["cpu"]


def test_a_stack_of_its_own_costs_all_but_what_measures_it(tmp_path):
    the_plan = plan(lever="prefetch", values=("100", "1"), design="abab")
    [found] = observations_of(record(), ALONE, the_plan, arrange(the_plan, tmp_path))
    assert found.side == "b"
    assert found.metrics["cpu_per_1k_total"] == pytest.approx(5.2 / 2_500 * 1e6)
    assert found.metrics["cpu_per_1k"] == pytest.approx(0.8 / 2_500 * 1e6)


def test_what_all_share_is_divided_by_all(tmp_path):
    [_, _, found] = observations_of(record(), TOGETHER, plan(), duet(tmp_path))
    assert found.detail["cpu"]["generator-1"] == pytest.approx(5.0 / 2_500 * 1e6)
    assert found.detail["cpu"]["backend"] == pytest.approx(3_000)


def test_a_dirty_ledger_is_a_failed_guard(tmp_path):
    ledger: Ledger = msgspec.structs.replace(EXAMPLE.ledger, clean=False, examples=["message 7 was lost"])
    [found] = observations_of(record(ledger=ledger), ALONE, plan(design="abab"), _apart(tmp_path))
    bad = [guard for guard in found.guards if not guard.ok]
    assert [guard.name for guard in bad] == ["ledger"]
    assert "message 7 was lost" in bad[0].words


def test_errors_of_one_side_do_not_hide_among_the_others(tmp_path):
    sides = {"a": figures(100_000), "a2": figures(100_000), "b": figures(990, sent=1_000)}
    found = observations_of(record(sides=sides), TOGETHER, plan(), duet(tmp_path))
    assert [all(guard.ok for guard in one.guards) for one in found] == [True, True, False]


def test_what_the_services_counted_becomes_ratios(tmp_path):
    counted: dict[Side, Counters] = {"b": Counters(500, 90_000, 1_000, 2_500, 2_500)}
    [found] = observations_of(record(), ALONE, plan(design="abab"), _apart(tmp_path), counted)
    assert found.metrics["frames_per_event"] == pytest.approx(0.5)
    assert found.metrics["bytes_per_event"] == pytest.approx(90)
    assert found.metrics["received_per_wanted"] == pytest.approx(2)


def test_a_percentile_has_the_samples_of_what_it_is_about(tmp_path):
    several = record(total=figures(100, deliveries=4_000))
    several = msgspec.structs.replace(
        several,
        total=msgspec.structs.replace(several.total, delivery=Latency(samples=4_000, p50=0.01, p99=0.02)),
    )
    [found] = observations_of(several, ALONE, plan(design="abab"), _apart(tmp_path))
    assert (found.samples_of("p99"), found.samples_of("delivery_p99")) == (100, 4_000)


def test_waits_for_a_connection_and_hits_of_the_cache_stand_beside_the_verdict(tmp_path):
    counted: dict[Side, Counters] = {"b": Counters(acquire_wait_seconds=5.0, cache_hits=3, cache_misses=1)}
    [found] = observations_of(record(), ALONE, plan(design="abab"), _apart(tmp_path), counted)
    assert found.detail["counted"] == {"acquire_wait_ms": pytest.approx(2), "cache_hit_share": 0.75}


def test_nothing_counted_is_no_figure():
    assert Counters().ratios() == {}
    assert Counters().besides(1_000) == {}


def _apart(tmp_path):
    return arrange(plan(design="abab"), tmp_path)
