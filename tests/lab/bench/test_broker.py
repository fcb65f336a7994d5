"""The broker benchmark measures every side, loses nothing, and its page names what was measured."""

import msgspec
import pytest
from msgspec.structs import replace

from lab.bench import broker_page
from lab.bench.broker import Cell
from lab.bench.broker_run import BrokerPlan, bench
from lab.errors import UsageError
from tests.lab.faults.made_up import calm


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_a_short_run_counts_cpu_of_all_three_sides_and_finds_every_hint(tmp_path):
    cells = bench(BrokerPlan(("postgres",), 1, 500, "lab bench broker"), tmp_path, lambda _line: None)
    assert [cell.received for cell in cells] == [500, 500, 500]
    for cell in cells:
        assert min(cell.publisher_cpu, cell.consumer_cpu, cell.broker_cpu) > 0
    page = (tmp_path / "broker.md").read_text()
    assert page.count("| postgres | yes |") == 3 and "lab bench broker" in page


def test_an_unknown_broker_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="expected one of postgres, rabbitmq, nats, redis"):
        bench(BrokerPlan(("kafka",), 1, 100, ""), None, lambda _line: None)


def test_lost_hints_and_changed_code_show_on_the_page():
    cell = Cell("nats", 10, True, 1, 100, 97, 1.0, 0.01, 0.01, 0.01)
    machine = msgspec.to_builtins(replace(calm().machine, commit="abc", changed=True))
    about = {"machine": machine, "command": "c", "rounds": 1, "hints": 100, "when": "now", "waited": 0.5}
    words = broker_page.markdown([cell], about)
    assert "| 100 | 3 |" in words and "commit abc, with changes that are not committed; some task" in words
