"""The report of a pull says the verdict, shows what it rests on, and needs no network."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from lab.caveats import caveat
from lab.cli import run
from lab.report import pull
from lab.trials.observation import Observation
from lab.verdict import Guard
from tests.lab.report.made_up_pulls import made_up, search


@pytest.fixture(scope="module")
def clear():
    return made_up()


def test_the_verdict_comes_first(clear):
    html = pull.html(clear)
    assert clear.primary.sentence in html
    assert html.index("worse</b>") < html.index("<h2>")
    assert "came true" in html


def test_every_picture_is_drawn(clear):
    assert [name for name, drawn in pull.drawings(clear).items() if drawn] == [
        "intervals", "pairs", "over_time", "spectrum", "capacity", "cpu", "timeline",
    ]  # fmt: skip


def test_other_sessions_stand_beside_it_and_three_have_an_interval_together(clear):
    own = {**clear.fingerprint, "changed": False}
    one, two, three = (
        replace(made_up(effect, seed=seed), fingerprint=own, started_at=3600.0 * seed)
        for seed, effect in ((1, 1.28), (2, 1.30), (3, 1.32))
    )
    assert "Session beside session" not in pull.html(one, [one])
    assert "an interval over sessions, which needs three" in pull.html(one, [one, two])
    assert "--sessions 6" in pull.html(one, [one, two])
    html = pull.html(one, [one, two, three])
    assert "--sessions 6" not in html
    often = replace(clear, plan={**clear.plan, "rate": 1020.0})
    assert re.search(r"--rate\s+1020 --sessions 6", pull.html(often))
    assert "seed 1 (this one)" in html and "seed 3" in html
    assert "3 sessions; margin" in html


def test_a_tail_that_the_table_does_not_claim_is_not_drawn(clear):
    end = "so the lines end at p90"
    assert end not in pull.html(clear)
    assert end in pull.html(made_up(also=("p50",)))


def test_the_page_opens_offline(clear):
    html = pull.html(clear)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", html)
    assert "@import" not in html
    assert "<script" not in html


def test_the_difference_of_settings_is_one_line(clear):
    html = pull.html(clear)
    assert "(1\nline)" in html or "(1 line)" in html
    assert "uvloop" in html


def test_a_failed_guard_is_red_and_no_effect_is_drawn():
    html = pull.html(made_up(failing={4, 5, 6}))
    assert "INVALID</b>" in html
    assert 'class="bad"><th class="mark">✗ achieved' in html


def test_alternation_tells_which_side_was_first():
    drawn = pull.drawings(made_up(design="abab"))
    assert "uvloop first" in drawn["pairs"]


def test_percentiles_come_from_added_histograms_and_not_from_averages():
    """Half the trials take 1 ms, half 100 ms: the true median of all is 1 ms, the average 50 ms."""
    trials = []
    for number, micros in enumerate((1_000, 1_000, 100_000)):
        histogram = HdrHistogram(1, 60_000_000, 3)
        for _ in range(1_000):
            histogram.record_value(micros)
        encoded = histogram.encode().decode()
        trials.append(Observation(number, 0, "a", 0.0, {}, 1_000, detail={"send": encoded}))
    points = dict(pull.spectrum_of(trials, "a", "send"))
    everything = np.repeat([0.001, 0.001, 0.1], 1_000)
    for quantile in (0.25, 0.5, 0.9, 0.99):
        assert points[quantile] == pytest.approx(np.quantile(everything, quantile), rel=0.002)


def test_a_tail_of_luck_is_not_drawn(clear):
    deepest = max(quantile for quantile, _ in pull.spectrum_of(clear.observations, "a", "send"))
    assert deepest <= 1 - 10 / (12 * 300)


def test_lab_report_draws_the_result_of_a_pull_too(clear, tmp_path, capsys):
    path = clear.save(tmp_path / "r.json")
    assert run(["report", str(path)]) == 0
    assert (tmp_path / "r.html").exists()
    assert capsys.readouterr().out.strip().endswith("r.html")


def test_the_timeline_of_a_duet_shows_a_beside_b(clear):
    drawn = pull.drawings(clear)["timeline"]
    assert "uvloop, answered" in drawn
    assert "asyncio, answered" in drawn


def test_an_older_duet_without_seconds_of_its_sides_says_that_they_are_of_all():
    result = made_up()
    alike = [
        replace(one, detail={**one.detail, "seconds": [{"ok": 1, "p99": 0.1, "errors": 0, "backlog": 0}] * 3})
        for one in result.observations
    ]
    drawn = pull.drawings(replace(result, observations=alike))["timeline"]
    assert "all sides, answered" in drawn
    assert "uvloop, answered" not in drawn


def test_the_busiest_service_is_named(clear):
    told = [replace(one, detail={**one.detail, "busiest": ["backend-1", 0.4]}) for one in clear.observations]
    words = "backend-1 was nearest to its limit in 36 of 36 readings, at 40% of the cores it may use."
    assert words in pull.html(replace(clear, observations=told))
    assert "nearest to its limit" not in pull.html(clear)


def test_a_given_rate_is_said_where_the_capacity_would_be_drawn(clear):
    words = "No capacity was searched: the rate was given."
    assert words not in pull.html(clear)
    assert words in pull.html(replace(clear, capacity=None))


def test_a_run_that_claims_no_latency_says_so_under_its_latency_pictures(clear):
    words = "No latency is claimed of this run"
    assert words not in pull.html(clear)
    late = [
        replace(one, effect=None, word="INVALID") if one.metric != "cpu_per_1k" else one
        for one in clear.verdicts
    ]
    assert pull.html(replace(clear, verdicts=late)).count(words) == 2


def test_a_setting_that_the_lever_brings_along_is_marked(clear):
    assert "follows from the lever" not in pull.html(clear)
    a, b = clear.settings["a"], {**clear.settings["b"], "http_parser": "h11"}
    assert pull.html(replace(clear, settings={"a": a, "b": b})).count("follows from the lever") == 1


def test_the_page_says_where_its_own_condition_is_broken():
    assert "That applies here: no message was longer than 80 characters." in pull.html(
        made_up(lever="encoding", values=("json", "msgpack"), also=())
    )


@pytest.mark.parametrize(("wait", "told"), [(0.003, True), (4.0, False)])
def test_a_pool_that_nobody_waited_for_had_nothing_to_show(wait, told):
    result = made_up(lever="pool_size", values=("10", "2"), also=())
    seen = [
        replace(one, detail={**one.detail, "counted": {"acquire_wait_ms": wait}})
        for one in result.observations
    ]
    assert ("no pool was full" in pull.html(replace(result, observations=seen))) is told


def test_no_row_is_called_the_deciding_one_where_that_has_no_figure(clear):
    assert "The first row was named before the run" in pull.html(clear)
    first, *others = clear.verdicts
    void = replace(clear, verdicts=[replace(first, effect=None, word="INVALID"), *others])
    assert "The first row was named" not in pull.html(void)


def shown(html):
    """The page as a reader sees it: without elements, with single blanks."""
    return " ".join(re.sub(r"<(svg|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def with_guard(result, guard):
    guarded = [replace(one, guards=[*one.guards, guard]) for one in result.observations]
    return replace(result, observations=guarded)


def test_the_stall_test_is_a_row_of_what_can_be_believed(clear):
    seen = {"rate": 1_400.0, "slow": 690, "needed": 550}
    told = shown(pull.html(replace(clear, stall_test=seen)))
    assert "✓ stall test 690 slow samples at 1,400/s, 550 needed" in told.partition("Can it be believed?")[2]
    assert "stall test" not in pull.html(clear)


def test_how_late_the_generator_was_stands_beside_a_latency_also_where_cpu_decides(clear):
    late = with_guard(clear, Guard("generator lag", True, "late by 0.1 ms (p50), expected at most 1 ms"))
    row = "✓ generator lag (for latencies) late by 0.1 ms (p50), expected at most 1 ms"
    assert row in shown(pull.html(late))
    no_figure = [clear.primary, *(replace(one, effect=None, word="INVALID") for one in clear.verdicts[1:])]
    assert row not in shown(pull.html(replace(late, verdicts=no_figure)))
    decides = replace(clear.verdicts[1], guards=[*clear.primary.guards, late.observations[0].guards[-1]])
    assert shown(pull.html(replace(late, verdicts=[decides]))).count(row) == 1


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ((900, None), (600, 660), ""),
        ((900, None), (900, 1_440), "The brackets overlap: which side carries more is not shown."),
        ((900, 1_440), (562, 900), "The brackets meet: which side carries more is not shown."),
        ((900, None), (600, None), "The brackets overlap: which side carries more is not shown."),
    ],
)
def test_brackets_that_are_not_apart_show_no_side_that_carries_more(clear, a, b, words):
    found = {"a": search(a[0], a[1], "a bracket"), "b": search(b[0], b[1], "a bracket")}
    told = shown(pull.html(replace(clear, capacity={**clear.capacity, **found})))
    assert (words or "The capacity search before the trials, of each side once") in told
    assert ("which side carries more" in told) is bool(words)


@pytest.mark.parametrize("name", ["pressure", "full machine"])
def test_a_latency_of_a_full_machine_says_so_in_its_row(clear, name):
    full = caveat(name, share=0.81)
    cpu, p50, p99 = (replace(one, caveats=(full, *one.caveats)) for one in clear.verdicts)
    void = replace(p99, effect=None, word="INVALID")
    told = shown(pull.html(replace(clear, verdicts=[cpu, p50, void])))
    clause = "(The machine was full: see below.)"
    assert f"{p50.sentence} {clause}" in told
    assert told.count(clause) == 1
    assert told.index(clause) < told.index(full.cause)
    assert clause not in shown(pull.html(clear))


def test_caveats_of_the_further_metrics_are_named_once_and_those_of_the_first_stand_at_length(clear):
    full, drift = caveat("pressure", share=0.81), caveat("drift", rho=0.7)
    grave = caveat("too few samples", have=9, need=200, metric="p99")
    cpu, p50, p99 = (replace(one, caveats=(full,)) for one in clear.verdicts)
    alike = [replace(one, caveats=(*one.caveats, drift, grave)) for one in (p50, p99)]
    told = shown(pull.html(replace(clear, verdicts=[cpu, *alike])))
    assert told.count(full.seen) == 1
    assert f"drift: {drift.seen} ({clear.label('p50')}; {clear.label('p99')})" in told
    assert grave.seen not in told


def test_the_word_invalid_stands_once_in_a_row():
    told = shown(pull.html(made_up(failing={4, 5, 6})))
    assert "✗ INVALID achieved 0.7 of the offered rate" in told
    assert "INVALID INVALID" not in told and "INVALID:" not in told
