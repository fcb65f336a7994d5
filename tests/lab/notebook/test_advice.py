"""What to pull first: like is ranked with like, one entry a lever, and no count alone is called a gain."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.caveats import caveat
from lab.notebook.advice import ALONE, BLIND, COUNTED, KEEP, PRICED, WORTH, advice, between, section_of, seen
from lab.notebook.hops import hops
from lab.notebook.lever_page import lever_page
from lab.notebook.opening import opening
from lab.notebook.standing import firm, ranked
from lab.report.doubts import unchecked
from tests.lab.report.made_up_pulls import made_up


def pulled(effect, lever, values, **changes):
    return Path(f"{lever}.json"), made_up(effect=effect, lever=lever, values=values, **changes)


def counted(found, metric, ratio):
    """The same with a count as the primary metric, which moved by this ratio."""
    path, result = found
    effect = replace(result.primary.effect, ratio=ratio, low=ratio * 0.99, high=ratio * 1.01)
    primary = replace(result.primary, metric=metric, word="better", effect=effect)
    return path, replace(result, verdicts=[primary, *result.verdicts])


def test_a_latency_is_not_ranked_among_cpu():
    text = "\n".join(
        advice(
            [
                pulled(2.0, "pair_index", ("on", "off"), metric="p50", also=()),
                pulled(1.2, "event_loop", ("uvloop", "asyncio"), also=()),
            ]
        )
    )
    cpu, waiting = text.index("By CPU:"), text.index("By waiting:")
    assert cpu < text.index("1. **[event_loop]") < waiting < text.index("1. **[pair_index]")


def test_a_lever_has_one_entry_and_every_effect_its_interval():
    text = "\n".join(
        advice(
            [
                pulled(2.5, "query_path", ("raw", "orm_async"), also=()),
                pulled(1.5, "query_path", ("raw", "fastapi"), also=()),
            ]
        )
    )
    assert text.count("**[query_path]") == 1
    assert re.search(r"Also `fastapi`: \+\S+ % \(\S+ % to \S+ %\) at 500/s °\.", text)


def test_fewer_hints_alone_are_no_gain():
    alone = counted(
        pulled(1.0, "routing", ("partition", "fanout"), design="abab", also=()), "received_per_wanted", 0.5
    )
    assert section_of(alone[1]) == COUNTED
    assert "(10.0 to 10.0" not in "\n".join(advice([alone]))
    felt = replace(alone[1], verdicts=[alone[1].primary, replace(alone[1].primary, metric="cpu_per_1k")])
    assert section_of(felt) != COUNTED


def test_a_decided_cpu_figure_is_kept_or_worth():
    assert section_of(pulled(1.3, "event_loop", ("uvloop", "asyncio"))[1]) == KEEP


def test_what_is_cheaper_on_one_machine_is_not_called_worth_pulling_for_several():
    _, result = pulled(
        0.7, "read_routing", ("primary", "replica"), metric="cpu_per_1k_total", also=("cpu_per_1k",)
    )
    better = replace(
        result.primary, word="better", effect=result.verdicts[1].effect, caveats=[caveat("one machine")]
    )
    assert section_of(replace(result, verdicts=[better])) == PRICED
    assert section_of(replace(result, verdicts=[replace(better, caveats=[])])) == WORTH


def test_the_difference_of_a_hop_has_the_sign_of_its_change():
    path, result = pulled(
        1.3, "run_mode", ("single", "multi"), design="abab", metric="cpu_per_1k_total", also=()
    )
    for one in result.observations:
        assert "cpu_per_1k_total" not in one.metrics
    # One slow round in each side, not the same: medians of the sides would differ the other way.
    figures = {
        0: (10.0, 12.0),
        1: (10.0, 12.0),
        2: (30.0, 33.0),
        3: (30.0, 33.0),
        4: (30.0, 33.0),
        5: (10.0, 12.0),
    }
    told = []
    for one in result.observations:
        a, b = figures[one.round % 6]
        told.append(replace(one, metrics={"cpu_per_1k_total": b if one.side == "b" else a}))
    moved = replace(
        result, observations=told, verdicts=[replace(made_up().primary, metric="cpu_per_1k_total")]
    )
    row = hops([(path, moved)])[-2]
    assert row.split("|")[7].strip() == "+2"
    hidden = replace(moved.primary, word="no difference shown")
    assert hops([(path, replace(moved, verdicts=[hidden]))])[-2].split("|")[7].strip() == "-"


def test_the_opening_says_only_what_the_results_say_by_now():
    assert opening([]) == []
    slower = pulled(1.3, "http_server", ("uvicorn", "granian"), also=())
    text = "\n".join(opening([slower]))
    assert "A server with HTTP in Rust cost the API more CPU, not less ([http_server]" in text
    assert "uvloop" not in text
    quicker = pulled(0.7, "http_server", ("uvicorn", "granian"), also=())
    assert opening([quicker]) == []
    library = pulled(1.3, "amqp_client", ("lean", "aio_pika"), also=())
    text = "\n".join(opening([library]))
    assert "aio-pika instead of frames of our own changes the CPU of the whole stack by +" in text
    assert "NOTIFY" not in text


def beside(found, cores):
    """The same, with other programs on the machine."""
    path, result = found
    told = [replace(one, detail={**one.detail, "others": cores}) for one in result.observations]
    return path, replace(result, observations=told)


def test_what_gathering_hints_costs_stands_beside_what_it_saves():
    path, result = pulled(0.7, "publish_interval", ("0", "0.02"), design="abab", also=("p50",))
    slower = replace(result.verdicts[1], metric="delivery_p50", word="worse")
    told = [
        replace(one, metrics={**one.metrics, "delivery_p50": 14.5 if one.side == "b" else 3.67})
        for one in result.observations
    ]
    worse = replace(result, observations=told, verdicts=[result.primary, slower])
    text = " ".join(opening([(path, worse)]))
    assert "Hints over RabbitMQ are cheaper together, if they may wait" in text
    assert re.search(r"and the median +delivery takes longer \(3\.67 to 14\.5 ms, \+10\.8\)", text)
    alike = replace(slower, word="no difference shown")
    assert "takes longer" not in " ".join(opening([(path, replace(worse, verdicts=[result.primary, alike]))]))


def test_what_was_seen_and_not_judged_is_not_called_nothing():
    result = made_up(effect=1.2)
    withheld = replace(result.primary, word="no difference shown", withheld="perhaps within the noise")
    text = "\n".join(advice([(Path("a.json"), replace(result, verdicts=[withheld]))]))
    assert re.search(r"\+\S+ % \(\S+ % to \S+ %\) was seen, perhaps within the noise at 500/s", text)
    assert seen(replace(withheld, withheld="")) == ""


def test_a_conclusion_says_at_which_rate_its_figure_was_measured():
    values = ("lean", "aio_pika")
    own = [
        pulled(effect, "amqp_client", values, design="abab", also=(), rate=rate)
        for effect, rate in ((1.1, 240.0), (1.2, 1_600.0))
    ]
    text = " ".join(" ".join(opening(own)).split())
    assert re.search(r"stack by \+\S+ % \(\S+ % to \S+ %\) at 1,600/s \(", text)  # the higher of two


def test_no_latency_is_told_where_a_conclusion_is_about_cpu():
    path, slow = pulled(1.9, "http_server", ("uvicorn", "granian"), also=(), metric="p50", rate=1_500.0)
    assert "HTTP in Rust" not in "\n".join(opening([(path, slow)]))
    cpu = pulled(1.3, "http_server", ("uvicorn", "granian"), also=(), rate=240.0)
    assert "HTTP in Rust" in "\n".join(opening([(path, slow), cpu]))


def test_an_answer_at_another_rate_is_told_although_it_decided_nothing():
    values = ("postgres", "rabbitmq")
    usual = {"design": "abab", "mode": "stack", "also": ()}
    idle = pulled(1.3, "broker", values, **usual, rate=240.0)
    _, loaded = pulled(1.03, "broker", values, **usual, rate=1_200.0)
    open_ = replace(loaded.primary, word="no difference shown", withheld="perhaps within the noise")
    both = [idle, (Path("loaded.json"), replace(loaded, verdicts=[open_]))]
    (line,) = (line for line in advice(both) if line.startswith("1. **[broker]"))
    assert re.search(r"at 240/s, .*Also `rabbitmq`: .* at 1,200/s, .*, no difference shown\.", line)
    told = " ".join(" ".join(opening(both)).split())
    assert re.search(
        r"stack by \S+ % \(.*?\) at 240/s; at 1,200/s \S+ % \(.*?\), perhaps within the noise", told
    )


def test_a_duet_of_fewer_sets_of_processes_than_pairs_is_less_firm_and_says_so():
    values = ("uvloop", "asyncio")
    former = pulled(1.3, "event_loop", values, also=(), renew_every=3)
    assert not firm(former[1]) and " ¶" in "\n".join(advice([former]))
    now = pulled(1.2, "event_loop", values, also=())
    assert firm(now[1]) and ranked([former, now]) == [now]


def test_a_rate_that_is_not_ranked_was_asked_all_the_same():
    former = pulled(1.3, "group_commit", ("on", "off"), also=(), rate=240.0, renew_every=3)
    now = pulled(1.3, "group_commit", ("on", "off"), also=(), rate=960.0)
    assert "it is shown at 960/s only" in "\n".join(advice([now]))
    assert "Beware" not in "\n".join(advice(ranked([former, now]), [former, now]))


def test_a_result_that_breaks_its_own_condition_is_not_advised_without_saying_so():
    (line,) = (
        line
        for line in advice([pulled(1.3, "group_commit", ("on", "off"), also=())])
        if line.startswith("1. **[group_commit]")
    )
    assert line.endswith("Beware: it is shown at 500/s only.")


def test_few_pairs_and_busy_machines_have_a_ranking_of_their_own():
    sure = pulled(1.2, "event_loop", ("uvloop", "asyncio"), also=())
    large = pulled(3.0, "http_parser", ("httptools", "h11"), also=(), looks=(6,))
    few = replace(large[1], observations=[one for one in large[1].observations if one.round < 6])
    text = "\n".join(advice([(large[0], few), sure]))
    first, less = text.index("By CPU:"), text.index("By CPU (less firm")
    assert first < text.index("1. **[event_loop]") < less < text.index("1. **[http_parser]")
    assert "at 500/s (6 pairs) °" in text


def test_no_lever_is_left_alone_of_which_anything_was_decided():
    same = pulled(1.0, "delivery", ("confirm", "fire_and_forget"), also=())
    path, dear = pulled(1.4, "delivery", ("confirm", "outbox"), also=())
    told = [replace(one, detail={**one.detail, "others": 1.5}) for one in dear.observations]
    text = "\n".join(advice([same, (path, replace(dear, observations=told))]))
    assert f"## {ALONE}" not in text
    assert "1. **[delivery](levers/delivery.md)**: `confirm`." in text.partition(f"## {KEEP}")[2]
    assert re.search(r"Also `fire_and_forget`: .*, same within the margin\.", text)
    assert f"## {ALONE}" in "\n".join(advice([same]))


def test_where_the_figures_are_the_same_a_reader_is_sent_to_what_the_other_value_gives_up():
    same = pulled(1.0, "delivery", ("confirm", "fire_and_forget"), also=())
    told = "\n".join(advice([same])).partition(f"## {ALONE}")[2]
    assert re.search(r"CPU per 1,000, API within 5% \(\S+ % \(\S+ % to \S+ %\)\) at 500/s", told)
    assert "What the other value gives up is in no figure, and on its page" in told
    assert "Fails silently: hints vanish while the broker is away." in lever_page("delivery", [same])


def test_the_firmest_result_of_a_lever_leads_its_entry():
    sure = pulled(1.2, "event_loop", ("uvloop", "asyncio"), also=())
    path, large = pulled(3.0, "event_loop", ("uvloop", "asyncio_debug"), also=(), looks=(6,))
    few = replace(large, observations=[one for one in large.observations if one.round < 6])
    text = "\n".join(advice([(path, few), sure]))
    assert "with `asyncio` (" in text and "Also `asyncio_debug`: " in text
    assert "less firm" not in text


def test_a_busy_machine_is_not_ranked_where_a_quiet_one_answers_the_same():
    path, quiet = pulled(1.2, "event_loop", ("uvloop", "asyncio"), also=())
    told = [replace(one, detail={**one.detail, "others": 1.5}) for one in quiet.observations]
    busy = replace(quiet, observations=told, plan={**quiet.plan, "rate": 240.0})
    assert ranked([(path, busy), (path, quiet)]) == [(path, quiet)]
    assert ranked([(path, busy)]) == [(path, busy)]
    assert "at 240/s † °" in "\n".join(advice([(path, busy)]))


def test_a_ratio_has_its_difference_beside_the_medians():
    _, result = pulled(1.3, "event_loop", ("uvloop", "asyncio"), also=())
    assert re.fullmatch(r" \([\d.]+ to [\d.]+ µs a send, \+\d\.\d+\)", between(result, "cpu_per_1k"))
    open_ = replace(result, verdicts=[replace(result.primary, word="no difference shown")])
    assert "+" not in between(open_, "cpu_per_1k")


def test_a_latency_of_a_duet_says_whether_a_stack_for_each_side_was_asked():
    _, duet = pulled(0.7, "durability", ("on", "off"), metric="p50", also=())
    abab = replace(duet, plan={**duet.plan, "design": "abab"})
    words = "Not checked by ABAB: both sides share the database here"
    assert words in lever_page("durability", [(Path("a.json"), duet)])
    assert words not in lever_page("durability", [(Path("a.json"), duet), (Path("b.json"), abab)])


def test_cpu_with_that_of_postgresql_says_it_too_and_that_of_the_api_alone_does_not():
    _, duet = pulled(1.3, "delivery", ("confirm", "outbox"), also=())
    total, own = (
        replace(duet, verdicts=[replace(duet.primary, metric=metric)])
        for metric in ("cpu_per_1k_total", "cpu_per_1k")
    )
    abab = replace(total, plan={**total.plan, "design": "abab"})
    assert "which may move the difference" in unchecked(total, [total])
    assert unchecked(total, [total, abab]) == ""
    assert unchecked(own, [own]) == ""


def test_what_needs_a_part_that_is_not_there_by_default_ranks_behind_and_says_so():
    rabbit = pulled(1.9, "amqp_client", ("lean", "aio_pika"), mode="stack", design="abab", also=())
    usual = pulled(1.2, "event_loop", ("uvloop", "asyncio"), also=())
    text = "\n".join(advice([rabbit, usual]))
    assert "1. **[event_loop]" in text
    assert "2. **[amqp_client](levers/amqp_client.md)**: only with RabbitMQ: `lean`." in text


def test_what_makes_another_metric_worse_by_more_than_twice_ranks_behind_what_does_not():
    path, large = pulled(0.5, "publish_interval", ("0", "0.02"), design="abab", also=("p50",))
    effect = replace(large.primary.effect, ratio=2.5, low=2.4, high=2.6)
    worse = replace(large.verdicts[1], word="worse", effect=effect)
    paid = (path, replace(large, verdicts=[large.primary, worse]))
    small = pulled(0.8, "cache", ("off", "process"), also=())
    order = [line[:13] for line in advice([paid, small]) if line.startswith(("1.", "2."))]
    assert order == ["1. **[cache](", "2. **[publish"]
    free = (path, replace(large, verdicts=[large.primary]))
    order = [line[:13] for line in advice([free, small]) if line.startswith(("1.", "2."))]
    assert order == ["1. **[publish", "2. **[cache]("]


@pytest.mark.parametrize(
    ("word", "said", "unsaid"),
    [
        ("better", "and CPU a delivery with them (", "no CPU was shown"),
        ("worse", "and costs CPU a delivery (", "no CPU was shown"),
        ("no difference shown", "and no CPU was shown to follow", "CPU a delivery"),
    ],
)
def test_what_debounce_does_to_the_cpu_is_said_as_its_result_says_it(word, said, unsaid):
    path, result = counted(
        pulled(0.5, "debounce", ("0", "0.2"), part="websocket", also=()), "frames_per_event", 0.2
    )
    of_cpu = replace(made_up(effect=0.9, also=()).primary, metric="cpu_per_1k", word=word)
    text = " ".join(" ".join(opening([(path, replace(result, verdicts=[result.primary, of_cpu]))])).split())
    assert said in text
    assert unsaid not in text


def test_a_library_is_called_dearer_than_the_hop_only_where_it_is():
    hop = pulled(1.2, "broker", ("postgres", "rabbitmq"), design="abab", also=())
    dear, cheap = (
        pulled(times, "amqp_client", ("lean", "aio_pika"), design="abab", also=()) for times in (1.5, 1.1)
    )
    assert "cost more than the choice of the broker" in "\n".join(opening([hop, dear]))
    assert "cost more than the choice of the broker" not in "\n".join(opening([hop, cheap]))
    assert "cost more than the choice of the broker" not in "\n".join(opening([dear]))


def test_what_is_dishonest_of_a_result_is_said_beside_what_it_is_paid_with():
    path, result = pulled(0.7, "publish_interval", ("0", "0.02"), also=(), rate=20.0)
    paid = replace(result.primary, metric="delivery_p50", word="worse")
    text = "\n".join(advice([(path, replace(result, verdicts=[result.primary, paid]))]))
    assert "Against it: delivery p50" in text
    assert "Beware: 0.4 hints come in an interval" in text


@pytest.mark.parametrize(
    ("lever", "values", "changes", "words"),
    [
        ("read_routing", ("primary", "replica"), {}, "It wants a replica on a machine of its own"),
        ("queue_type", ("classic", "quorum"), {"design": "abab"}, "It wants three nodes, each on a machine"),
        ("prefetch", ("100", "1"), {"design": "abab", "rate": 500.0}, "It wants messages that come faster"),
        ("prefetch", ("100", "1"), {"design": "abab", "rate": 1_600.0}, ""),
        ("group_commit", ("on", "off"), {}, ""),  # shown at one rate only, and shown
    ],
)
def test_what_the_load_cannot_show_has_a_heading_of_its_own_with_the_load_that_would(
    lever, values, changes, words
):
    text = "\n".join(advice([pulled(1.3, lever, values, also=(), **changes)]))
    section = text.partition(f"## {BLIND}")[2]
    assert bool(section) == bool(words)
    assert words in section
    assert text.count(f"**[{lever}]") == 1
    assert ("What came out: " in section) == bool(words)
