"""A lever's page says what its answer means: what to do, what it is worth, and what would decide it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.caveats import caveat
from lab.notebook.lever_page import Beside, lever_page
from levers.catalogue import lever_named
from tests.lab.notebook.test_advice import beside, counted, pulled
from tests.lab.notebook.test_guide import swept
from tests.lab.report.made_up_pulls import made_up

PARSERS = ("http_parser", ("httptools", "h11"))


def section(*own, found=()):
    page = lever_page(own[0][1].lever, own, Beside(found=[*own, *found]))
    return page.partition("## What it means\n\n")[2].partition("\n## ")[0]


def lines(*own, found=()):
    return [line for line in section(*own, found=found).splitlines() if line.startswith("- ")]


def test_a_difference_in_cpu_is_worth_microseconds_cores_and_a_share_also_of_a_send_through_fastapi():
    layers = pulled(2.0, "query_path", ("raw", "fastapi"), also=())
    (line,) = lines(pulled(1.4, *PARSERS, also=()), found=[layers])
    told = re.fullmatch(
        r"- \*\*Keep `httptools`\*\*: at 500/s `h11` takes (\S+) µs a send more than `httptools`, "
        r"(\S+) cores, \+(\S+) % of the API's CPU on the short path `raw`, about \+(\d+) % of a "
        r"send through FastAPI's own layers\. Different when: a proxy in front .*",
        line,
    )
    assert told
    microseconds, cores, share, through = (float(one) for one in told.groups())
    assert cores == pytest.approx(microseconds * 500 / 1e6, rel=0.1)
    assert through == pytest.approx(share / 2, abs=1)


def test_without_a_price_of_the_layers_and_of_other_cpu_no_share_of_a_send_through_fastapi_is_told():
    (alone,) = lines(pulled(1.4, *PARSERS, also=()))
    layers = pulled(2.0, "query_path", ("raw", "fastapi"), also=())
    total = pulled(1.4, "prepared_statements", ("on", "off"), metric="cpu_per_1k_total", also=())
    for line in (alone, *lines(total, found=[layers]), *lines(layers)):
        assert "through FastAPI" not in line


def test_the_firmest_answer_of_a_pair_of_values_has_its_line_and_the_firmest_line_is_first():
    orm = beside(pulled(4.8, "query_path", ("raw", "orm_async"), also=()), 1.5)
    layers = pulled(2.1, "query_path", ("raw", "fastapi"), also=())
    shaky = beside(pulled(1.5, "query_path", ("raw", "fastapi"), also=(), rate=900.0), 1.5)
    first, second = lines(orm, shaky, layers)
    assert "`fastapi` takes" in first and "at 500/s" in first
    assert "**Keep `raw`** (other programs used 1.5 cores): at 500/s `orm_async`" in second
    assert "What that gives up: its SQL is by hand" in first and "gives up" not in second


def test_a_better_value_is_taken_by_who_can_pay_and_a_latency_is_in_milliseconds():
    (line,) = lines(pulled(0.7, "durability", ("on", "off"), metric="p50", also=()))
    assert line.startswith("- **Take `off`, if you can pay for it**: p50 is ")
    assert " ms shorter with `off` than with `on` at 500/s, -" in line
    assert "What that gives up: acknowledged messages are lost when PostgreSQL or the machine dies" in line


def test_what_another_metric_loses_is_given_up():
    path, result = pulled(0.7, "publish_interval", ("0", "0.02"), design="abab", also=("p50",))
    primary, other = result.verdicts
    effect = replace(primary.effect, ratio=5.8, low=5.0, high=6.0)
    paid = replace(other, word="worse", effect=effect)
    (line,) = lines((path, replace(result, verdicts=[primary, paid])))
    assert "unless you can pay for `0.02`" in line
    assert re.search(
        r"What that gives up: `0.02` has p50 \S+ ms, 5\.8x\. Different when: one API process", line
    )


def test_a_count_alone_is_a_ratio_and_no_reason_to_leave_the_default():
    alone = counted(pulled(1.0, "routing", ("partition", "fanout"), design="abab", also=()),
                    "received_per_wanted", 0.5)  # fmt: skip
    (line,) = lines(alone)
    assert "Keep `partition`, unless that count is what you pay for**" in line
    assert "`fanout` has 0.50 times the received / wanted of `partition` at 500/s" in line


def test_sameness_is_nothing_to_choose_by_and_says_what_it_leaves():
    (line,) = lines(pulled(1.0, *PARSERS, also=()))
    assert line.startswith("- **Nothing to choose here**, `httptools` or `h11`: the API's CPU differs by ")
    assert re.search(r"\d\.\d% at most \(\S+ µs a send, 0\.0\d+ cores\) at 500/s", line)


def open_at(**changes):
    path, result = pulled(1.0, *PARSERS, also=())
    verdict = replace(result.primary, word="no difference shown", **changes)
    return path, replace(result, verdicts=[verdict])


def test_what_was_not_shown_says_how_large_it_could_be_and_what_would_decide_it():
    (line,) = lines(beside(open_at(), 1.5))
    assert line.startswith("- **Not shown** (other programs used 1.5 cores), `httptools` or `h11`: ")
    assert re.search(r"the API's CPU may differ by \d\.\d% at most \(\S+ µs a send, \S+ cores", line)
    assert "To decide it: a quiet machine, trials longer than 1 s." in line
    path, result = open_at()
    few = [one for one in result.observations if one.round < 6]
    assert "To decide it: 12 pairs or more, trials" in lines((path, replace(result, observations=few)))[0]
    (seen,) = lines(open_at(withheld="perhaps within the noise of A against A (9%)"))
    assert " was seen, perhaps within the noise of A against A (9%); the API's CPU may differ" in seen


def test_a_load_that_hides_the_lever_is_among_what_must_be_other():
    path, result = pulled(1.0, "prefetch", ("100", "1"), design="abab", metric="delivery_p50", also=())
    hidden = replace(result, verdicts=[replace(result.primary, word="no difference shown")])
    (line,) = lines((path, hidden))
    assert "and a load or machine of which this is not true: at 500 messages/s one comes every 2.0 ms" in line


def test_an_invalid_answer_names_its_fault_and_the_trials_that_it_needs():
    path, result = pulled(1.0, *PARSERS, metric="p99", also=(), rate=240.0, trial_seconds=4.0)
    few = caveat("too few samples", metric="p99", have=292, need=2_000)
    invalid = replace(result.primary, word="INVALID", effect=None, caveats=[few])
    too_short = (path, replace(result, verdicts=[invalid]))
    (line,) = lines(too_short)
    assert line.startswith(
        "- **Not shown**, `httptools` or `h11`: 292 samples in the smallest trial, p99 needs"
    )
    assert "To decide it: trials of 29 s or a higher rate." in line
    assert (
        "**Keep `httptools`**" in lines(too_short, pulled(1.4, *PARSERS, metric="p50", also=(), rate=90.0))[0]
    )


def test_a_firm_answer_of_another_word_at_another_rate_is_beside_it():
    slow, fast = pulled(1.0, *PARSERS, also=(), rate=240.0), pulled(1.4, *PARSERS, also=(), rate=900.0)
    (line,) = lines(slow, fast)
    assert "at 900/s" in line
    assert re.search(r"Otherwise at 240/s [+-]\d\.\d %, same within the margin\.", line)
    assert "Otherwise" not in lines(beside(slow, 1.5), fast)[0]


def test_what_the_same_costs_at_a_higher_rate_is_in_brackets():
    slow, fast = pulled(1.4, *PARSERS, also=(), rate=240.0), pulled(1.4, *PARSERS, also=(), rate=900.0)
    full = replace(fast[1].primary, caveats=[*fast[1].primary.caveats, caveat("pressure", share=0.5)])
    (line,) = lines(slow, (fast[0], replace(fast[1], verdicts=[full])))
    assert re.search(r"at 240/s .* than `httptools` \(\S+ at 900/s\), ", line)


def test_a_sweep_says_which_value_to_take_and_what_the_others_carry():
    once, again = swept((100.0, 190.0, 200.0)), swept((90.0, 198.0, 195.0))
    both = once | {"repeats": 2, "points": once["points"] + again["points"]}
    for one in both["points"]:
        one["memory_mib"] = 50.0 * int(one["value"])
    page = lever_page("uvicorn_workers", [], Beside(sweeps=[both]))
    assert (
        "- **Take `2`** (mode multi, by a sweep of 2 searches each): it carries 190 to 218/s with 100 MiB; "
        "that `4` (195 to 220/s, 200 MiB) carries more was not shown; `1` (90 to 110/s, 50 MiB) carried "
        "less. To decide it: more searches of each value (`--repeats`)." in page
    )
    once = swept((200.0, 190.0, 100.0))
    twice = once | {"repeats": 2, "points": once["points"] * 2}
    page = lever_page("uvicorn_workers", [], Beside(sweeps=[twice]))
    assert "**Keep `1`**" in page and "was not among them" not in page
    without = swept((200.0, 100.0), values=("2", "4"))
    without |= {"repeats": 2, "points": without["points"] * 2}
    page = lever_page("uvicorn_workers", [], Beside(sweeps=[without]))
    assert "**Take `2`**" in page
    assert "`4` (100 to 110/s, 50 MiB) carried less. The default, `1`, was not among them, so " in page
    page = lever_page("uvicorn_workers", [], Beside(sweeps=[once]))
    assert "**Not shown** (mode multi, by a sweep): held: 1 200/s, 2 190/s, 4 100/s; two searches" in page
    endless = swept((195.0, 150.0, 200.0), unbounded=200.0)
    page = lever_page("uvicorn_workers", [], Beside(sweeps=[endless]))
    assert "- **Not shown** (mode multi, by a sweep): with 4 no rate failed up to 200/s" in page


def test_without_results_nothing_is_said_to_mean_anything():
    assert "What it means" not in lever_page("event_loop", [])


def test_what_was_expected_is_at_the_result_and_the_set_up_has_a_paragraph_of_its_own():
    own = [pulled(1.4, "event_loop", ("uvloop", "asyncio"), also=())]
    page = lever_page("event_loop", own, Beside(found=own))
    (verdict,) = (line for line in page.splitlines() if line.startswith("**▼ worse.**"))
    because = lever_named("event_loop").because
    assert verdict.endswith(f" As expected: {because}. Predicted before the run: up, came true.")
    assert "\n\n500 sends a second over 3 processes (" in page
    assert page.index("## What it means") < page.index("## uvloop or asyncio")


@pytest.mark.parametrize(
    ("lever", "values", "metric", "also", "where"),
    [
        ("pool_size", ("10", "2"), "cpu_per_1k", ("p99",), "the lever's own, p99, is below."),
        ("pool_size", ("10", "2"), "cpu_per_1k", (), "the lever's own, p99, was not measured."),
        (
            "uvicorn_workers",
            ("1", "2"),
            "cpu_per_1k_total",
            (),
            "own, capacity, is searched for, not pulled.",
        ),
        ("event_loop", ("uvloop", "asyncio"), "cpu_per_1k", (), ""),
    ],
)
def test_a_result_judged_by_another_metric_than_the_levers_own_says_where_that_one_is(
    lever, values, metric, also, where
):
    page = lever_page(lever, [pulled(1.4, lever, values, metric=metric, also=also)])
    assert ("Judged by this metric, as the command asked;" in page) is bool(where)
    assert where in page


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ((6,), " (one look at 6 rounds: large effects only), "),
        ((12,), " (one look at 12 rounds), "),
        ((12, 20, 30), ""),
    ],
)
def test_one_look_says_at_how_many_rounds_and_only_few_show_large_effects_alone(looks, words):
    result = made_up(also=())
    page = lever_page("event_loop", [(Path("a.json"), replace(result, plan={**result.plan, "looks": looks}))])
    assert (words in page) if words else ("one look" not in page)


def test_a_page_says_which_machine_its_figures_are_of():
    path, result = pulled(1.4, *PARSERS, also=())
    where = {"cores": 2, "cpu": "AMD EPYC", "memory_bytes": 24 * 2**30, "system": "Debian", "python": "3.11"}
    page = lever_page("http_parser", [(path, replace(result, fingerprint=where))])
    assert "Measured on 2 cores of AMD EPYC, 24 GiB, Debian, Python 3.11." in page
    assert "Measured on" not in lever_page("http_parser", [])
