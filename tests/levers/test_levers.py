"""Every lever says everything a reader must know before believing a figure about it."""

import re

import pytest

from levers import honesty
from levers.catalogue import catalogue, lever_named, page, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS
from wire import topology

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
    assert lever.processes and lever.restarts and lever.sources
    assert lever.because and lever.claim and lever.dishonest_if
    assert lever.metric in METRICS
    assert set(lever.also) <= set(METRICS)
    assert lever.metric not in lever.also
    assert all(source[0] in "CMPEL" and source[1:].isdigit() for source in lever.sources)


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


def test_what_is_honest_counts_with_the_partitions_that_there_are():
    assert honesty.PARTITIONS == topology.PARTITIONS
