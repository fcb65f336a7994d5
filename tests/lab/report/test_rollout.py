"""The page of a rollout says what those noticed who used the stack meanwhile."""

from msgspec.structs import replace

from lab.commands import rollout as command
from lab.report.rollout import markdown
from tests.lab.faults.made_up import calm, changed

EVENTS = [
    *((4.5, "backend-1 out"), (12.3, "backend-1 in again")),
    *((12.4, "websocket-1 out"), (20.0, "websocket-1 in again")),
]


def test_a_rollout_that_nobody_noticed_is_told_with_its_moments():
    run = replace(changed(calm(), ledger={"reconnects": 7}), events=EVENTS)
    words = markdown(run)
    assert "0 failed; 0 sockets closed without a bye; lost 0, twice 0, out of order 0.**" in words
    assert "| backend-1 | 4.5 | 12.3 |\n| websocket-1 | 12.4 | 20.0 |" in words
    assert f"7 moves of {run.ledger.devices} devices" in words


def test_result_and_page_are_kept_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "runs")
    *_, kept = command.write(replace(calm(), events=EVENTS), tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["rollout.json", "rollout.md"]
    assert str(tmp_path / "kept" / "rollout.md") in kept


def test_what_was_noticed_is_counted():
    run = changed(calm(), {"closes": {"4001": 2, "1006": 1}, "not_delivered": 1}, {"errors": {"503": 4}})
    words = markdown(run)
    assert "4 failed; 3 sockets closed without a bye (1 x 1006, 2 x 4001); lost 1," in words
