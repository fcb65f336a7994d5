"""What the generator itself costs: it must leave the machine to what it measures."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hl_utils import seeding
from lab.load.plan import LoadPlan
from lab.load.run import run_load
from lab.stack.host import running
from lab.stack.modes import Request

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.integration]
RATE, SOCKETS, SECONDS = 1000, 500, 5


@pytest.mark.timeout(400)
def test_below_half_a_core_at_a_thousand_messages_a_second_with_500_sockets(tmp_path: Path) -> None:
    """CPU time, so it holds on a busy machine too; the run need not be VALID there."""
    with running(Request(tmp_path / "home", mode="multi", api=1, websockets=1)) as stack:
        people = seeding.planned(600, None, None, 1)
        seeding.run(people, "en_US", "password", seeding.connection(stack.postgres.dsn))
        plan = LoadPlan(stack=stack, rate=RATE, duration=SECONDS, sockets=SOCKETS, dialogs=600)
        # Whatever a full machine is late with is waited for.
        run = asyncio.run(run_load(replace(plan, settle=60, timeout=30, in_flight_limit=RATE * SECONDS)))
    generator = next(one for one in run.usage if one.kind == "generator")
    assert run.total.sent == pytest.approx(RATE * SECONDS, rel=0.1)
    assert run.seconds[1].sockets == SOCKETS
    assert generator.cpu_seconds / run.measured_seconds < 0.5
