"""What a lever may lose is bounded and counted, and stands on its page."""

import pytest

from lab.faults.observation import observe
from lab.faults.rows import ROWS, named
from lab.notebook.kills import KILLS, kills
from tests.lab.faults.made_up import calm, changed

UNDURABLE = named("postgres-killed-undurable")
HEAD = "| fault | expected | observed | repair | lost / twice / disorder | held |\n"


def seen(row=UNDURABLE, **ledger):
    return observe(row, changed(calm(), ledger={"clean": False, **ledger}), (5.0, 5.1), timeout=2.0)


def test_what_a_lever_may_lose_breaks_no_row_and_is_counted():
    gone = {"acknowledged_not_stored": 7, "not_delivered": 3, "out_of_order_after_client": 2}
    found = seen(**gone)
    assert (found.broken, found.lost, found.disorder) == ([], 10, 2)
    assert seen(named("postgres-killed"), **gone).broken == ["10 lost", "2 out of order"]


def test_more_than_a_lever_may_lose_breaks_its_row():
    run = calm()
    bound = UNDURABLE.loses_seconds * run.total.offered / run.measured_seconds
    [broken] = seen(acknowledged_not_stored=int(bound) + 1).broken
    assert broken.startswith(f"{int(bound) + 1} lost, bound")


def test_a_lever_page_tells_what_each_of_its_values_lost(tmp_path):
    page = tmp_path / "faults.md"
    page.write_text(
        HEAD
        + "| kill -9 of PostgreSQL, with DURABILITY=off | x | y | 2.0 s | 12 / 0 / 3 | yes |\n"
        + "| kill -9 of an API process, with DELIVERY=fire_and_forget | x | y | 31.0 s | 0 / 0 / 0 | yes |\n"
    )
    lost = "12 / 0 / 3 lost / twice / out of order"
    assert f"- kill -9 of PostgreSQL, with DURABILITY=off: {lost}" in kills("durability", page)
    [late] = [line for line in kills("delivery", page) if line.startswith("- ")]
    assert late.endswith("0 / 0 / 0 lost / twice / out of order, messages late by more than 1 s for 31.0 s")


@pytest.mark.parametrize("lever", KILLS)
def test_every_kill_of_a_lever_page_is_a_row_of_the_failure_table(lever):
    assert set(KILLS[lever]) <= {row.what for row in ROWS}
