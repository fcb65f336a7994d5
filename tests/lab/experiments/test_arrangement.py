"""What is started for a plan: a duet doubles processes in one stack, the others double stacks."""

import pytest

from lab.experiments.arrangement import arrange, requested
from lab.experiments.rig import promised
from lab.trials.schedule import SIDES
from tests.lab.experiments.fake_stack import description
from tests.lab.experiments.fakes import plan


def test_a_duet_is_one_stack_with_three_processes_of_the_part(tmp_path):
    found = arrange(plan(), tmp_path)
    (request,) = found.stacks.values()
    assert (request.api, request.websockets) == (3, 1)
    assert {name: own["EVENT_LOOP"] for name, own in request.own_levers.items()} == {
        "backend-1": "uvloop",
        "backend-2": "uvloop",
        "backend-3": "asyncio",
    }
    assert found.processes["b"] == ("backend-3",)


def test_the_sides_of_a_duet_take_other_places(tmp_path):
    found = arrange(plan(), tmp_path).taking_places(("b", "a", "a2"))
    assert found.processes == {"b": ("backend-1",), "a": ("backend-2",), "a2": ("backend-3",)}
    assert found.taking_places(SIDES).processes == arrange(plan(), tmp_path).processes


def test_a_duet_of_websocket_services_has_one_api(tmp_path):
    (request,) = arrange(plan(part="websocket"), tmp_path).stacks.values()
    assert (request.api, request.websockets) == (1, 3)


def test_abab_keeps_a_stack_a_side(tmp_path):
    found = arrange(plan(lever="encoding", values=("json", "msgpack"), design="abab"), tmp_path)
    assert set(found.stacks) == set(SIDES)
    assert [found.stacks[side].levers["ENCODING"] for side in SIDES] == ["json", "json", "msgpack"]
    assert len({request.home for request in found.stacks.values()}) == 3


def test_a_run_mode_is_the_mode_of_its_stack(tmp_path):
    found = arrange(plan(lever="run_mode", values=("single", "multi"), design="abab"), tmp_path)
    assert [found.stacks[side].mode for side in SIDES] == ["single", "single", "multi"]
    assert "RUN_MODE" not in found.stacks["a"].levers


def test_what_both_sides_need_reaches_both(tmp_path):
    found = arrange(plan(lever="prefetch", values=("100", "1"), design="abab"), tmp_path)
    assert all(request.levers["BROKER"] == "rabbitmq" for request in found.stacks.values())


def test_a_kind_of_database_is_a_stack_of_its_own(tmp_path):
    found = arrange(plan(lever="database", values=("single", "replica"), design="abab"), tmp_path)
    assert [found.stacks[side].replicas for side in SIDES] == [0, 0, 1]
    assert "DATABASE_MODE" not in found.stacks["b"].levers
    found = arrange(plan(lever="database", values=("single", "citus"), mode="stack", design="abab"), tmp_path)
    assert [found.stacks[side].mode for side in SIDES] == ["stack", "stack", "citus"]


def test_where_the_readers_differ_both_sides_have_the_replica(tmp_path):
    (request,) = arrange(plan(lever="read_routing", values=("primary", "replica")), tmp_path).stacks.values()
    assert request.replicas == 1


@pytest.mark.parametrize("design", ["duet", "abab"])
def test_where_a_commit_waits_for_a_standby_every_stack_has_a_synchronous_one(tmp_path, design):
    for values in (("on", "remote_apply"), ("local", "on")):
        stacks = arrange(plan(lever="durability", values=values, design=design), tmp_path).stacks.values()
        assert {(request.replicas, request.replication) for request in stacks} == {(1, "first_1")}
    without = arrange(plan(lever="durability", values=("on", "off"), design=design), tmp_path).stacks.values()
    assert {(request.replicas, request.replication) for request in without} == {(0, "async")}


def test_a_stack_of_one_value_has_what_that_value_needs(tmp_path):
    asked = plan(lever="durability", values=("on", "off"), design="restart")
    assert requested(asked, "remote_apply", tmp_path).replication == "first_1"


@pytest.mark.parametrize(
    ("values", "least"),
    [(("primary", "replica"), "replica"), (("primary", "replica_ryw"), "replica_ryw")],
)
def test_the_reads_of_a_duet_of_routings_promise_what_the_lesser_side_does(values, least):
    asked = plan(lever="read_routing", values=values)
    assert promised(description("a"), asked).levers["READ_ROUTING"] == least
    assert "READ_ROUTING" not in promised(description("a"), plan()).levers


@pytest.mark.parametrize("design", ["duet", "abab"])
def test_a_setting_that_is_held_reaches_every_process_of_every_side(tmp_path, design):
    asked = plan(design=design, held={"QUERY_PATH": "fastapi_asyncpg", "HOP_TIMES": "on"})
    for request in arrange(asked, tmp_path).stacks.values():
        assert (request.levers["QUERY_PATH"], request.levers["HOP_TIMES"]) == ("fastapi_asyncpg", "on")
        assert all(own["QUERY_PATH"] == "fastapi_asyncpg" for own in request.own_levers.values())
