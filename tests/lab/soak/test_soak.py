"""A short soak of a real stack: everything is sampled, devices come and go, and the page tells it."""

import msgspec
import pytest

from lab.commands import soak
from lab.errors import VoidResult
from lab.soak.run import Soak

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(400)]


def test_a_short_soak_samples_every_process_and_balances_its_ledger(tmp_path):
    try:
        soak.command(minutes=0.5, mode="multi", rate=30, sockets=30, output=tmp_path, progress_=False)
    except VoidResult as error:  # half a minute is too short to call memory flat; all else must hold
        assert "ledger" not in str(error) and "failed" not in str(error)
    found = msgspec.json.decode((tmp_path / "soak.json").read_bytes(), type=Soak)
    assert found.ledger.clean and found.came > 5 and not found.not_welcomed
    sampled = {one.name: one for one in found.series}
    assert {"backend-1", "websocket-1", "postgres"} <= set(sampled)
    assert all(len(one.memory_mib) > 5 and min(one.memory_mib) > 1 for one in sampled.values())
    assert all(min(sampled[name].tasks) > 1 for name in ("backend-1", "websocket-1"))
    assert "| websocket-2 |" in (tmp_path / "soak.md").read_text()
