"""A comparison of sides that differ in anything but the declared lever is refused."""

import pytest

from lab.errors import VoidResult
from lab.experiments.audit import check_sides

PLAIN = {"event_loop": "uvloop", "http_parser": "httptools", "pool_size": 10, "service_id": "backend-1"}


def sides(b, a2=None):
    return {"a": [PLAIN], "a2": [{**PLAIN, "service_id": "backend-2", **(a2 or {})}], "b": [{**PLAIN, **b}]}


def check(b, a2=None, lever="event_loop", values=("uvloop", "asyncio")):
    return check_sides(lever, lever, values, sides(b, a2))


def test_the_declared_lever_alone_may_differ():
    assert check({"event_loop": "asyncio"}) == {"event_loop": ("uvloop", "asyncio")}


def test_a_second_difference_is_refused():
    with pytest.raises(VoidResult, match=r"more than event_loop: http_parser \(httptools against h11\)"):
        check({"event_loop": "asyncio", "http_parser": "h11"})


def test_a_lever_that_did_not_move_is_refused():
    with pytest.raises(VoidResult, match="both run with uvloop"):
        check({})


def test_a_silent_fallback_is_refused():
    with pytest.raises(VoidResult, match="uvloop and asyncio run"):
        check({"event_loop": "asyncio"}, values=("uvloop", "asyncio_debug"))


def test_a_lever_that_nobody_reports_is_refused():
    with pytest.raises(VoidResult, match="no process reports durability"):
        check_sides("durability", "durability", ("on", "off"), sides({}))


def test_a_twin_that_is_not_equal_is_refused():
    with pytest.raises(VoidResult, match="twin differ in pool_size"):
        check({"event_loop": "asyncio"}, a2={"pool_size": 9})


def test_numbers_may_be_written_differently():
    assert check({"pool_size": 20.0}, lever="pool_size", values=("10", "20")) == {"pool_size": ("10", "20.0")}


def test_a_setting_held_on_both_sides_must_be_in_effect():
    moved = sides({"event_loop": "asyncio"})

    def held(**settings):
        return check_sides("event_loop", "event_loop", ("uvloop", "asyncio"), moved, settings)

    assert held(POOL_SIZE="10.0") == {"event_loop": ("uvloop", "asyncio")}
    with pytest.raises(VoidResult, match="POOL_SIZE=2 was asked for on both sides, 10 runs"):
        held(POOL_SIZE="2")
    with pytest.raises(VoidResult, match="DURABILITY=off was asked for, and no process of the sides reports"):
        held(DURABILITY="off")
    followed = sides({"query_path": "orm_async", "token_cache": "off"})
    for name in ("a", "a2"):
        followed[name] = [{**each, "query_path": "raw", "token_cache": "on"} for each in followed[name]]
    with pytest.raises(VoidResult, match="TOKEN_CACHE=on was asked for on both sides, off runs"):
        check_sides("query_path", "query_path", ("raw", "orm_async"), followed, {"TOKEN_CACHE": "on"})
