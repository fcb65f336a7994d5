"""Ours beside python-socketio: the ratio goes by rounds, the page tells both, and both really run."""

import json

import msgspec
import pytest

from lab.bench.rival import page
from lab.bench.rival.run import Restart, Rival, RivalPlan, Turn, bench
from lab.load import record
from tests.lab.faults.made_up import EXAMPLE


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
    assert "**Fed alike, ours makes 35.0 times the deliveries per CPU-second** (rounds: 40.0, 30.0)" in words
    assert "**with the whole way beside it 17.5 times** (rounds: 20.0, 15.0)" in words
    assert "| ours | 100 | 100 | 200 | **0** |" in words and "| rival | 100 | 60 | 120 | **33** |" in words
    assert msgspec.convert(json.loads(file.read_bytes()), Rival) == found()


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
