"""Locust and the lab's own generator see the same service alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hl_utils import seeding
from lab.faults.proxy import Proxy
from lab.load.locust_engine import LocustPlan, run_locust
from lab.load.plan import LoadPlan, Targets
from lab.load.run import run_load
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(400)]
RATE, PEOPLE, SECONDS = 40, 40, 10
DELAY_SECONDS = 0.2  # each way: what both must see, far above what either adds itself


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackDescription]:
    """A stack with people in it."""
    with running(Request(tmp_path / "stack", mode="multi", api=1, websockets=1)) as description:
        plan = seeding.planned(200, 100, 300, 1)
        seeding.run(plan, "en_US", "password", seeding.connection(description.postgres.dsn), None)
        yield description


async def test_both_see_the_same_latency_of_the_same_load(stack: StackDescription) -> None:
    port = int(stack.api[0].rpartition(":")[2])
    proxy = Proxy(("127.0.0.1", port))
    await proxy.start()
    proxy.delay_seconds = DELAY_SECONDS
    url = f"http://127.0.0.1:{proxy.port}"
    try:
        ours = await run_load(
            LoadPlan(
                stack=stack,
                rate=RATE,
                duration=SECONDS,
                mix="send",
                timeout=30,
                settle=60,
                sockets=PEOPLE,
                sides={"a": Targets((url,), tuple(stack.websockets))},
            )
        )
        theirs = await run_locust(LocustPlan(url, PEOPLE, RATE / PEOPLE, SECONDS, "send=1"))
    finally:
        await proxy.close()
    assert ours.ledger.clean, ours.ledger.examples
    assert theirs.exit_code == 0, theirs.output
    assert ours.total.intended.p50 is not None
    assert ours.total.intended.p50 >= 2 * DELAY_SECONDS
    # Either may be late itself on a full machine, and says so.
    late = theirs.entries["own lag"].quantile(0.95) + (ours.total.lag.p99 or 0)
    alike = pytest.approx(ours.total.intended.p50, abs=0.25 * ours.total.intended.p50 + late)
    assert theirs.entries["send"].quantile(0.5) == alike
    assert ours.total.delivery is not None
    assert ours.total.delivery.p50 is not None
    # The socket is not delayed: a delivery is one way through the proxy and the rest of the stack.
    alike = pytest.approx(ours.total.delivery.p50, abs=0.4 * ours.total.delivery.p50 + late)
    assert theirs.entries["deliver"].quantile(0.5) == alike
    # Its people log in first, one after the other, and are late themselves on a full machine.
    lag = theirs.entries["own lag"].quantile(1.0)
    assert 0.6 * (1 - lag / SECONDS) <= theirs.entries["send"].requests / ours.total.sent <= 1.3
