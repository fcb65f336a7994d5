"""Real faults on a real stack, each held to its row of the table."""

import pytest

from lab.commands import faults
from lab.errors import UsageError
from lab.faults import page
from lab.faults.rows import ROWS

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(400)]


def run(tmp_path, *names: str, mode: faults.Mode) -> page.Book:
    faults.command(
        list(names), mode=mode, rate=40, sockets=60, output=tmp_path
    )  # raises when one did not hold
    return page.read(tmp_path / "faults.json")


def test_processes_and_hints_of_the_smallest_stack_may_fail(tmp_path):
    book = run(
        tmp_path, "api-killed", "websocket-killed", "database-link-reset", "hints-mangled", mode="multi"
    )
    assert len(book.entries) == 4
    observed = {name: entry.observation for name, entry in book.entries.items()}
    assert observed["websocket-killed"].closes == {"1006": observed["websocket-killed"].reconnects}
    assert observed["hints-mangled"].duplicates_on_wire + observed["hints-mangled"].sends > 0


@pytest.mark.rabbitmq
@pytest.mark.haproxy
def test_broker_and_proxy_may_fail(tmp_path):
    book = run(tmp_path, "haproxy-killed", "consumer-link-reset", mode="stack")
    assert book.entries["haproxy-killed"].observation.closes["1006"] >= 60


def test_an_unknown_row_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="expected one of api-killed"):
        faults.chosen(["nonsense"], quick=False)
    assert len(faults.chosen([], quick=False)) == len(ROWS)
