"""`lab bench prices`: equal ways share a turn, what does not count is left out, and every way really runs."""

from pathlib import Path

import msgspec
import pytest

from lab.bench.prices import page, run, ways
from lab.bench.prices.run import Prices, PricesPlan, Turn
from lab.bench.prices.ways import GROUPS, PLAIN, Way, stacks
from lab.load.record import Machine, Usage

OUTBOX = GROUPS["The guarantee"]["outbox"]


def turn(way: Way, number: int, cpu: float, invalid: tuple[str, ...] = ()) -> Turn:
    return Turn(way.key, number, 100, {"backend": cpu, "haproxy": 10.0}, 0.01, 0.02, 0.03, 0.04, [*invalid])


def found(*turns: Turn) -> Prices:
    machine = Machine(
        cpu="x", cores=2, memory_bytes=1, kernel="k", system="s", python="3", container=False,
        disk_sync_seconds=None, packages={}, commit="c", changed=False,
    )  # fmt: skip
    return Prices(
        command="a test", started_at=0.0, rounds=2, rate=100.0, seconds=1.0, sockets=10, turns=[*turns],
        machine=machine, waited=None,
    )  # fmt: skip


def test_the_plain_way_is_in_every_group_and_has_one_turn_a_round():
    assert all(next(iter(group.values())) == PLAIN or PLAIN in group.values() for group in GROUPS.values())
    keys = [way.key for of_one in stacks().values() for way in of_one]
    assert len(keys) == len(set(keys))
    assert set(keys) == {way.key for group in GROUPS.values() for way in group.values()}


def test_a_way_without_the_proxy_runs_on_the_stack_that_has_one():
    assert stacks()[PLAIN.stack] == [PLAIN, Way(proxy=False)]


def test_ratios_are_of_the_same_round_and_only_of_turns_that_count():
    result = found(
        turn(PLAIN, 1, 90.0), turn(OUTBOX, 1, 190.0), turn(PLAIN, 2, 90.0), turn(OUTBOX, 2, 90.0, ("drops",))
    )
    assert result.ratios(OUTBOX, PLAIN, lambda one: one.total_ms) == [2.0]
    assert "| outbox | 190 | 10 | 200 | 2.00 (2.00 .. 2.00) |" in page.markdown(result)
    assert "1 of 4 turns were INVALID" in page.markdown(result)


def test_the_plain_way_is_measured_against_itself_on_another_stack():
    again = GROUPS["The proxy"]["the same once more"]
    assert (again.mode, again.levers, again.proxy) == (PLAIN.mode, PLAIN.levers, PLAIN.proxy)
    assert PLAIN.settings["BALANCE"] == again.settings["BALANCE"] == "partition"
    assert "BALANCE" not in Way(mode="single").settings  # which has no proxy
    assert again.key != PLAIN.key and stacks()[again.stack] == [again]
    words = page.markdown(found(turn(PLAIN, 1, 90.0), turn(again, 1, 95.0)))
    assert "| the same once more | 95 | 10 | 105 | 1.05 (1.05 .. 1.05) |" in words
    assert (
        "BALANCE=partition where a row names no other; a turn that counts had 100 messages\nor more" in words
    )


def test_some_groups_may_be_asked_for_alone():
    assert list(stacks(["The encoding"])) == [PLAIN.stack, GROUPS["The encoding"]["msgpack"].stack]


def test_how_many_hints_shared_a_publish_is_told_where_it_was_counted():
    counted = msgspec.structs.replace(turn(PLAIN, 1, 90.0), hints_a_publish=1.255)
    assert "| 30.0 | 40.0 | 1.25 | 1 |" in page.markdown(found(counted))
    assert "| 30.0 | 40.0 | - | 1 |" in page.markdown(found(turn(PLAIN, 1, 90.0)))


def test_a_way_that_never_counted_says_why():
    result = found(turn(PLAIN, 1, 90.0), turn(OUTBOX, 1, 1.0, ("drops",)))
    assert "| outbox | does not count: drops |" in page.markdown(result)


def test_the_work_of_epmd_which_rabbitmq_calls_now_and_then_is_rabbitmqs():
    usage = [
        Usage(name=kind, kind=kind, cpu_seconds=0.02, cpu_seconds_per_1000=None)
        for kind in ("backend", "rabbitmq", "epmd", "generator")
    ]
    assert run.cpu_by_kind(usage, 1000) == {"backend": 20.0, "rabbitmq": 40.0}


@pytest.mark.rabbitmq
@pytest.mark.haproxy
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ways_are_measured_on_real_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    single = GROUPS["The broker"]["memory: all in one process, no proxy"]
    chosen = {PLAIN.stack: [PLAIN, Way(proxy=False)], single.stack: [single]}
    monkeypatch.setattr(run, "stacks", lambda _groups: chosen)
    result = run.bench(PricesPlan(1, 3.0, 40.0, 20, 1, tmp_path / "stack", "a test"), print)
    by_way = {one.way: one for one in result.turns}
    assert set(by_way[PLAIN.key].cpu_ms) == {"backend", "websocket", "haproxy", "rabbitmq", "postgres"}
    assert by_way[Way(proxy=False).key].cpu_ms.get("haproxy", 0.0) < by_way[PLAIN.key].cpu_ms["haproxy"] / 2
    assert set(by_way[single.key].cpu_ms) == {"single", "postgres"}
    assert all(one.messages > 100 and one.delivery_p50 > 0 for one in result.turns)
    assert all(1 <= one.hints_a_publish < 10 for one in result.turns)
    file, _ = page.write(result, tmp_path / "prices.json")
    assert msgspec.json.decode(file.read_bytes(), type=Prices) == result


def test_the_page_says_when_the_code_was_not_as_committed():
    result = found()
    changed = msgspec.structs.replace(result.machine, changed=True)
    words = page.markdown(msgspec.structs.replace(result, machine=changed))
    assert "commit c, with changes that are not committed; 0 of 0 turns" in words
    assert "not committed" not in page.markdown(result)


def test_every_group_has_a_table_though_nothing_was_measured():
    assert all(f"## {group}" in page.markdown(found()) for group in ways.GROUPS)
