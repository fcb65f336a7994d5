"""Every lever says everything a reader must know before believing a figure about it."""

import re
from pathlib import Path

import pytest

from levers import honesty
from levers.catalogue import catalogue, lever_named, page, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS
from wire import topology

ROOT = Path(__file__).parents[2]
ALL = list(catalogue().values())
lever_cases = pytest.mark.parametrize("lever", ALL, ids=lambda lever: lever.name)

ASKED_FOR = [
    "event_loop",
    "http_parser",
    "uvicorn_workers",
    "http_server",
    "run_mode",
    "app_transport",
    "database_transport",
    "query_path",
    "prepared_statements",
    "pool_size",
    "pair_index",
    "paging",
    "durability",
    "broker",
    "routing",
    "encoding",
    "payload",
    "debounce",
    "delivery",
    "prefetch",
    "compression",
    "websocket_instances",
    "balance",
    "shard_key",
    "shards",
    "read_routing",
    "cache",
    "queue_type",
    "database",
    "logging",
]


def test_the_catalogue_has_every_lever_that_was_asked_for():
    assert set(ASKED_FOR) <= set(catalogue())


@lever_cases
def test_a_lever_has_every_part(lever: Lever):
    assert lever.question.endswith("?")
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", lever.env)
    assert len(lever.values) >= 2
    assert len(set(lever.values)) == len(lever.values)
    assert lever.processes and lever.restarts
    assert lever.because and lever.claim and lever.dishonest_if
    assert lever.metric in METRICS
    assert set(lever.also) <= set(METRICS)
    assert lever.metric not in lever.also
    assert all(source[0] in "CMPEL" and source[1:].isdigit() for source in lever.sources)


def test_a_claim_is_in_quotation_marks_only_where_it_is_a_quotation():
    quoted, told, own = (lever_named(name).said for name in ("debounce", "cache", "amqp_client"))
    assert quoted == "Said where the lever comes from (P13): “at most one per 200 ms”."
    assert told.startswith("The lever comes from L12, E10, C7;") and "“" not in told
    assert own.startswith("Our own question;") and "“" not in own


@lever_cases
def test_a_quotation_is_of_somebody(lever: Lever):
    assert lever.sources or not lever.quoted


def test_debouncing_is_the_source_of_no_lever_about_the_way_to_the_broker():
    assert [lever.name for lever in ALL if "P13" in lever.sources] == ["debounce"]


def test_the_lines_that_the_lean_client_costs_are_counted():
    files = [ROOT / "wire/brokers/amqp" / name for name in ("lean.py", "channel.py")]
    count = sum(len(file.read_text().splitlines()) for file in files)
    (told,) = re.findall(r"(\d+) lines of one's own", page("amqp_client"))
    assert abs(count - int(told)) < 0.1 * count


@lever_cases
def test_the_page_tells_the_problem_the_plain_way_and_the_price_of_each_value(lever: Lever):
    parts = paragraphs(page(lever.name))
    assert parts["question"].endswith("?")
    assert len(parts["Problem"]) > 80
    assert "Plain way" in parts
    assert "Different when" in parts
    for value in lever.values:
        assert value in parts, f"no paragraph about {value}"
        assert "Costs" in parts[value], f"{value}: what does it cost?"
        assert "Fails" in parts[value], f"{value}: how does it fail?"


@lever_cases
def test_the_module_has_the_lever_s_name(lever: Lever):
    assert page(lever.name)
    assert catalogue()[lever.name] is lever


def test_two_levers_never_read_the_same_variable():
    variables = [lever.env for lever in ALL]
    assert len(set(variables)) == len(variables)


def test_an_unknown_lever_names_near_ones():
    with pytest.raises(ValueError, match="event_loop"):
        lever_named("event-lop")
    assert lever_named("event-loop").name == "event_loop"


def test_an_unknown_value_names_the_choices():
    with pytest.raises(ValueError, match="uvloop, asyncio"):
        lever_named("event_loop").check_value("trio")


@pytest.mark.parametrize(
    ("waits", "words"),
    [
        ([(0.0, 0.003)], "an operation waited 0.003 ms for a connection at most"),
        ([(0.0, 0.003), (0.0, 0.8)], ""),
        ([], ""),
    ],
)
def test_a_pool_that_was_full_on_no_side_shows_nothing_about_its_size(waits, words):
    applies = lever_named("pool_size").applies
    assert applies
    found = applies([{"rate": 240.0, "acquire_wait_ms": each} for each in waits] or [{"rate": 240.0}])
    assert found.startswith(words) if words else not found


@pytest.mark.parametrize(("rates", "low"), [([240.0], True), ([240.0, 3_000.0], False), ([1_000.0], False)])
def test_hints_that_never_meet_show_nothing_about_sharing_a_message(rates, low):
    applies = lever_named("hints_per_message").applies
    assert applies
    found = applies([{"rate": rate} for rate in rates])
    assert found.startswith("at 240/s hardly two hints share a message") if low else not found


@pytest.mark.parametrize(("at_once", "low"), [((1.2, 1.1), True), ((3.0, 3.1), False)])
def test_where_hints_at_once_were_counted_no_rate_is_guessed_from(at_once, low):
    applies = lever_named("hints_per_message").applies
    assert applies
    found = applies([{"rate": 240.0, "hints_at_once": at_once}])
    assert found == ("1.2 hints were there at once, in the mean, at most" if low else "")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"rate": 240.0}, "at 240 messages/s one comes every 4.2 ms"),
        ({"rate": 1_500.0, "hints_at_once": (1.8, 2.0)}, "at 833 messages/s one comes every 1.2 ms"),
        ({"rate": 1_000.0, "hints_at_once": (1.2, 1.2), "held": {"HINTS_PER_MESSAGE": "1"}}, ""),
        ({"rate": 3_000.0, "hints_at_once": (2.0, 2.0)}, ""),
    ],
)
def test_hints_that_share_a_message_wait_for_one_acknowledgement(plan, words):
    applies = lever_named("prefetch").applies
    assert applies
    found = applies([plan])
    assert found.startswith(words) if words else not found


@pytest.mark.parametrize(("interval", "words"), [("0.005", "1.2 hints come in an interval"), ("0.02", "")])
def test_an_interval_in_which_hardly_two_hints_meet_is_said(interval, words):
    applies = lever_named("publish_interval").applies
    assert applies
    found = applies([{"rate": 240.0, "values": ("0", interval)}])
    assert found.startswith(words) if words else not found


@pytest.mark.parametrize(("share", "said"), [(0.99, True), (0.5, False)])
def test_a_cache_that_answered_nearly_all_says_so(share, said):
    applies = lever_named("cache").applies
    assert applies
    found = applies([{"rate": 800.0, "cache_hit_share": (0.0, share)}])
    assert ("the cache answered 99% of the look-ups, and staleness" in found) is said
    assert "staleness is not shown" in found


def test_refetches_that_nobody_counted_are_said():
    applies = lever_named("payload").applies
    assert applies
    assert applies([{"rate": 240.0}])
    assert not applies([{"rate": 240.0, "refetches_per_1k": (0.0, 900.0)}])


def test_how_many_hints_share_a_message_at_a_low_rate_is_as_the_benchmark_says():
    told = (ROOT / "docs/results/broker.md").read_text()
    for row in ("| 250 | together | 1.1 |", "| 1,000 | together | 1.4 |"):
        assert row in told


def test_what_is_honest_counts_with_the_partitions_that_there_are():
    assert honesty.PARTITIONS == topology.PARTITIONS
