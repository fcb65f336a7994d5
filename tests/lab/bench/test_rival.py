"""Ours beside python-socketio: the ratio goes by rounds, the page tells both, and both really run."""

import asyncio
import json
import time

import msgspec
import pytest

from lab.bench.rival import clients, page
from lab.bench.rival.result import Restart, Rival, RivalPlan, Turn
from lab.bench.rival.run import bench
from lab.bench.rival.turns import fed_in_time, turn_of
from lab.load import record
from lab.load.record import Guard
from tests.lab.faults.made_up import EXAMPLE, calm


def found() -> Rival:
    return Rival(
        command="lab bench rival",
        started_at=0.0,
        rate=200,
        sockets=200,
        turns=[
            Turn("rival", 100, 200, 200, 0.8, 0.004),
            Turn("ours", 100, 200, 220, 0.04, 0.003),
            Turn("ours", 100, 200, 220, 0.05, 0.003),
            Turn("fed", 100, 200, 200, 0.02, 0.003),
            Turn("fed", 100, 200, 200, 0.025, 0.003),
            Turn("rival", 100, 200, 200, 0.75, 0.004),
        ],
        restarts=[Restart("ours", 100, 100, 200, 0, 3.5, 1.0), Restart("rival", 100, 60, 120, 33, 0.1, 0.5)],
        restart_seconds=12,
        versions={"python-socketio": "5.18.1"},
        machine=record.load(EXAMPLE).machine,
        waited=0.5,
    )


def test_the_ratio_is_taken_round_by_round_whoever_began():
    assert found().ratios() == pytest.approx([20.0, 15.0])
    assert found().ratios("fed") == pytest.approx([40.0, 30.0])


def test_the_page_tells_the_ratio_and_both_losses(tmp_path):
    file, markdown = page.write(found(), tmp_path / "rival.json")
    words = markdown.read_text()
    assert "**fed alike 35.0 times** (rounds: 40.0, 30.0),\n" in words
    assert "**with the whole way beside it 17.5 times** (rounds: 20.0, 15.0).\n" in words
    assert "The aim was 12 times: reached fed alike, reached with the whole way beside it." in words
    assert "| ours | 100 | 100 | 200 | **0** |" in words and "| rival | 100 | 60 | 120 | **33** |" in words
    assert msgspec.convert(json.loads(file.read_bytes()), Rival) == found()


def without(side: str, *numbers: int) -> Rival:
    """With turns of this side that do not count."""
    result = found()
    mine = [place for place, turn in enumerate(result.turns) if turn.side == side]
    turns = list(result.turns)
    for number in numbers:
        turns[mine[number]] = msgspec.structs.replace(turns[mine[number]], failed=["achieved: 62%"])
    return msgspec.structs.replace(result, turns=turns)


def test_a_round_with_a_turn_that_does_not_count_has_no_ratio():
    assert without("ours", 0).ratios() == pytest.approx([15.0])
    assert without("ours", 0).ratios("fed") == pytest.approx([40.0, 30.0])
    assert without("rival", 1).ratios() == pytest.approx([20.0])
    words = page.markdown(without("ours", 0))
    assert "beside it 15.0 times** (rounds: 15.0, 1 of 2 count)." in words
    assert "| no; achieved: 62% |" in words


def test_a_turn_of_the_rival_counts_though_its_sender_was_late_and_says_so():
    result = found()
    turns = [
        msgspec.structs.replace(turn, late=fed_in_time(10.0, 13.0)) if turn.side == "rival" else turn
        for turn in result.turns
    ]
    late = msgspec.structs.replace(result, turns=turns)
    assert late.ratios() == pytest.approx([20.0, 15.0])
    assert page.markdown(late).count("| yes; its messages were given within 13.0 s, wanted 10 s |") == 2


def test_what_was_not_reached_and_what_is_not_decided_is_said():
    result = without("ours", 0, 1)
    slow = [
        msgspec.structs.replace(turn, cpu_seconds=0.2) if turn.side == "fed" else turn
        for turn in result.turns
    ]
    words = page.markdown(msgspec.structs.replace(result, turns=slow))
    assert "with the whole way beside it not decided, as in no round both turns count." in words
    assert "The aim was 12 times: not reached fed alike." in words


def test_our_turn_counts_what_came_in_its_seconds_and_only_when_every_guard_held():
    run = calm()
    ours = [one for one in run.usage if one.kind == "websocket"]
    held = turn_of(run)
    assert held.deliveries == 120 * len(run.seconds) and not held.failed
    assert held.cpu_seconds == pytest.approx(sum(one.cpu_seconds for one in ours))
    broken = Guard(name="achieved", ok=False, seen="62% of 100", expected="99%")
    assert turn_of(msgspec.structs.replace(run, guards=[broken])).failed == ["achieved: 62% of 100"]


def test_messages_that_were_given_too_slowly_make_no_turn():
    assert fed_in_time(10.0, 10.1) == []
    assert fed_in_time(10.0, 13.0) == ["its messages were given within 13.0 s, wanted 10 s"]


@pytest.mark.rabbitmq
@pytest.mark.haproxy
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_both_deliver_what_they_were_given(tmp_path):
    plan = RivalPlan(1, 3.0, 40.0, 20, 1, tmp_path / "stack", "a test")
    result = bench(plan, print)
    assert {turn.side for turn in result.turns} == {"ours", "fed", "rival"}
    for turn in result.turns:
        assert turn.deliveries > 0.9 * 2 * turn.messages and turn.cpu_seconds > 0
    ours, rival = result.restarts
    assert ours.side == "ours" and ours.lost == 0 and ours.share_at_the_end > 0.9
    assert rival.messages > rival.accepted > 0 or rival.lost > 0


async def test_a_message_that_waited_for_the_one_before_says_when_it_was_due():
    class Slow:
        async def emit(self, event, message, namespace, room):
            sent.append((time.time(), message["at"]))
            await asyncio.sleep(0.2)

    sent: list[tuple[float, float]] = []
    emitter = clients.Emitter("amqp://nobody", [(1, 2)], rate=100.0, characters=3)
    emitter._manager = Slow()
    await emitter.run(0.05)
    due = [at for _, at in sent]
    assert [later - due[0] for later in due] == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.04], abs=1e-4)
    assert sent[-1][0] - due[-1] > 0.5
