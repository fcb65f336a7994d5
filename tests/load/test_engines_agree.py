"""Two generators with nothing in common, Locust and the lab's own, see the same server alike."""

import pytest

from lab.load.bare import offer
from lab.load.locust_engine import LocustPlan, run_locust
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Dialog, Population
from tests.lab.load.made_up import stack
from tests.load.fake_services import QUICK_SECONDS, SLOW_SECONDS
from tests.load.test_locust import (
    BETWEEN_SECONDS,
    LATE_SECONDS,
    PEOPLE,
    RATE,
    SECONDS,
    STALL_AFTER,
    STALL_SECONDS,
    TOO_QUICK,
    _share_above,
    above,
    fake,
    late_share,
    room,
)
from wire.message import dialog_id_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def _lab(host: str) -> tuple[list[float], list[float]]:
    """Latencies from the intended time, by the lab's generator, and how late it sent."""
    people = Population([Dialog(dialog_id_of(n, n + 1), n, n + 1, 0) for n in range(1, PEOPLE, 2)], [])
    targets = {"a": Targets((host,), ())}
    plan = LoadPlan(stack=stack(), rate=RATE, duration=SECONDS, timeout=30, sides=targets)
    samples = await offer(plan, people, [str(user) for user in people.users])
    assert samples.ok.all()
    latencies = samples.latency(samples.due, plan.timeout)
    return sorted(latencies.tolist()), sorted((samples.sent - samples.due).tolist())


def _locust(host: str) -> LocustPlan:
    return LocustPlan(host, PEOPLE, RATE / PEOPLE, SECONDS, "send=1", sockets=False)


def _at(times: list[float], share: float) -> float:
    return sorted(times)[int(share * len(times))]


async def test_both_see_what_their_server_took() -> None:
    """Shares and percentiles, with room for what each was late itself on a full machine."""
    with fake() as server:
        own, late = await _lab(server.host)
        took = server.end()
    true, more = above(took["send"], BETWEEN_SECONDS), room(above(late, LATE_SECONDS), took)
    assert true - 0.05 <= above(own, BETWEEN_SECONDS) <= true + more
    most = _at(took["send"], 0.5) + _at(took["own lag"], 0.9) + 0.05
    assert QUICK_SECONDS <= _at(own, 0.5) <= most + _at(late, 0.9)
    assert _at(own, 0.98) >= SLOW_SECONDS
    with fake() as server:
        result = await run_locust(_locust(server.host))
        took = server.end()
    theirs, lag = result.entries["send"], result.entries["own lag"]
    true, more = above(took["send"], BETWEEN_SECONDS), room(late_share(result), took)
    assert true - 0.05 <= _share_above(theirs, BETWEEN_SECONDS) <= true + more
    most = _at(took["send"], 0.5) + _at(took["own lag"], 0.9) + 0.05
    assert QUICK_SECONDS <= theirs.quantile(0.5) <= most + lag.quantile(0.9)
    assert theirs.quantile(0.98) >= SLOW_SECONDS
    # What was due in the last seconds of a late Locust was not sent.
    assert 0.75 * len(own) * (1 - lag.quantile(1.0) / SECONDS) <= theirs.requests <= 1.4 * len(own)


async def test_both_see_a_stall_in_all_that_was_due_in_it() -> None:
    stall = ("--stall-after", str(STALL_AFTER), "--stall-seconds", str(STALL_SECONDS))
    with fake(*stall) as server:
        times, _ = await _lab(server.host)
    with fake(*stall) as server:
        entry = (await run_locust(_locust(server.host))).entries["send"]
    late = above(times, TOO_QUICK) * len(times), _share_above(entry, TOO_QUICK) * entry.requests
    assert min(late) >= 0.8 * RATE * (STALL_SECONDS - TOO_QUICK)
