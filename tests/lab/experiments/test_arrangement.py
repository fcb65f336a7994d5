"""What is started for a plan: a duet doubles processes in one stack, the others double stacks."""

from lab.experiments.arrangement import arrange
from lab.trials.schedule import SIDES
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
