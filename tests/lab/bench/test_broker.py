"""The broker benchmark measures every side, loses nothing, and its page names what was measured."""

import msgspec
import pytest
from msgspec.structs import replace

from lab.bench import broker_page, broker_rate
from lab.bench.broker import Cell
from lab.bench.broker_rate import RateCell
from lab.bench.broker_run import BrokerPlan, bench
from lab.errors import UsageError
from tests.lab.faults.made_up import calm


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_a_short_run_counts_cpu_of_all_three_sides_and_finds_every_hint(tmp_path):
    plan = BrokerPlan(("postgres",), 1, 500, (100.0,), "lab bench broker")
    cells, at_rates = bench(plan, tmp_path, lambda _line: None)
    assert at_rates == []  # RabbitMQ's only
    assert [cell.received for cell in cells] == [500, 500, 500]
    for cell in cells:
        assert min(cell.publisher_cpu, cell.consumer_cpu, cell.broker_cpu) > 0
    page = (tmp_path / "broker.md").read_text()
    assert page.count("| postgres | yes |") == 3 and "lab bench broker" in page


def test_an_unknown_broker_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="expected one of postgres, rabbitmq, nats, redis"):
        bench(BrokerPlan(("kafka",), 1, 100, (), ""), None, lambda _line: None)


def test_lost_hints_and_changed_code_show_on_the_page():
    cell = Cell("nats", 10, True, 1, 100, 97, 1.0, 0.01, 0.01, 0.01)
    machine = msgspec.to_builtins(replace(calm().machine, commit="abc", changed=True))
    about = {"machine": machine, "command": "c", "rounds": 1, "hints": 100, "when": "now", "waited": 0.5}
    words = broker_page.markdown([cell], [], about)
    assert "ever waits: nats does not." in words  # 0.1 ms
    assert "| 100 | 3 |" in words and "commit abc, with changes that are not committed; some task" in words


def test_the_page_says_from_how_many_hints_a_publish_on_the_aim_is_kept():
    machine = msgspec.to_builtins(calm().machine)
    about = {"machine": machine, "command": "c", "rounds": 1, "hints": 100, "when": "now", "waited": 0.5}
    costs = {("nats", 1): 0.05, ("nats", 10): 0.02, ("nats", 64): 0.01, ("redis", 64): 0.03}
    cells = [
        Cell(broker, batch, True, 1, 100, 100, 1.0, milliseconds / 10, 0.001, 0.01)
        for (broker, batch), milliseconds in costs.items()
    ]
    cells.append(Cell("postgres", 64, True, 1, 100, 100, 1.0, 0.001, 0.01, 0.01))  # a dear consumer
    words = broker_page.markdown(cells, [], about)
    expected = "nats keeps it in the median from 10 hints a publish on, postgres does not, redis does not."
    assert f"ever waits: {expected}" in words


def test_the_page_says_at_which_rates_the_aim_is_kept():
    machine = msgspec.to_builtins(calm().machine)
    about = {"machine": machine, "command": "c", "rounds": 1, "hints": 100, "when": "now", "waited": 0.5}
    cells = [
        RateCell("rabbitmq", way, 250.0, 1, 100, 100, 50, 0.01, publisher, 0.001, 0.01, 0.001, 0.002)
        for way, publisher in (("together", 0.003), ("together, 20 ms", 0.002))
    ]
    assert "is kept at 250/s *together, 20 ms*, and in no other row." in broker_page.markdown(
        [], cells, about
    )
    assert "is kept in no row." in broker_page.markdown([], cells[:1], about)


@pytest.mark.rabbitmq
@pytest.mark.timeout(400)
def test_at_a_rate_hints_share_messages_when_they_may_wait_and_all_arrive(tmp_path, monkeypatch):
    monkeypatch.setattr(broker_rate, "SECONDS", 1.0)
    plan = BrokerPlan(("rabbitmq",), 1, 200, (400.0,), "lab bench broker")
    _, cells = bench(plan, tmp_path, lambda _line: None)
    alone, together, _, gathered = cells
    assert [cell.way for cell in cells] == [way.name for way in broker_rate.WAYS]
    assert all(cell.received == cell.hints == 400 for cell in cells)
    assert gathered.publishes < together.publishes <= 400
    assert min(cell.publisher_cpu for cell in cells) > 0 and 0 < alone.delay_p50 <= alone.delay_p99
    page = (tmp_path / "broker.md").read_text()
    assert "| 400 | each alone | " in page and "| 400 | together, 20 ms | " in page
