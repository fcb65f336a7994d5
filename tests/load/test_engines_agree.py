"""Two generators with nothing in common, Locust and the lab's own, see the same server alike."""

import pytest

from lab.load.bare import offer
from lab.load.locust_engine import LocustPlan, run_locust
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Dialog, Population
from tests.lab.load.made_up import stack
from tests.load.fake_services import QUICK_SECONDS, SLOW_SECONDS
from tests.load.test_locust import BETWEEN_SECONDS, PEOPLE, RATE, SECONDS, _share_above, fake
from wire.message import dialog_id_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
STALL_AFTER, STALL_SECONDS = 250, 1.0  # answers: in the middle of those that are sent
TOO_QUICK = 0.3  # seconds


async def _lab(host: str) -> list[float]:
    """Latencies from the intended time, by the lab's generator."""
    people = Population([Dialog(dialog_id_of(n, n + 1), n, n + 1, 0) for n in range(1, PEOPLE, 2)], [])
    plan = LoadPlan(stack=stack(), rate=RATE, duration=SECONDS, sides={"a": Targets((host,), ())})
    samples = await offer(plan, people, [str(user) for user in people.users])
    assert samples.ok.all()
    return sorted(samples.latency(samples.due, plan.timeout).tolist())


def _locust(host: str) -> LocustPlan:
    return LocustPlan(host, PEOPLE, RATE / PEOPLE, SECONDS, "send=1", sockets=False)


async def test_shares_of_slow_answers_and_percentiles_agree() -> None:
    with fake() as server:
        own = await _lab(server.host)
    with fake() as server:
        theirs = (await run_locust(_locust(server.host))).entries["send"]
    share = sum(seconds >= BETWEEN_SECONDS for seconds in own) / len(own)
    assert share == pytest.approx(_share_above(theirs, BETWEEN_SECONDS), abs=0.05)
    assert len(own) == pytest.approx(theirs.requests, rel=0.2)
    for quantile, true in ((0.5, QUICK_SECONDS), (0.98, SLOW_SECONDS)):
        mine = own[int(quantile * len(own))]
        assert mine >= true and theirs.quantile(quantile) >= true
        assert mine == pytest.approx(theirs.quantile(quantile), abs=0.05)


async def test_both_see_a_stall_in_all_that_was_due_in_it() -> None:
    late = []
    for engine in ("lab", "locust"):
        with fake("--stall-after", str(STALL_AFTER), "--stall-seconds", str(STALL_SECONDS)) as server:
            if engine == "lab":
                late.append(sum(seconds >= TOO_QUICK for seconds in await _lab(server.host)))
            else:
                entry = (await run_locust(_locust(server.host))).entries["send"]
                late.append(round(_share_above(entry, TOO_QUICK) * entry.requests))
    due = RATE * (STALL_SECONDS - TOO_QUICK)
    assert min(late) >= 0.8 * due
    assert late[0] == pytest.approx(late[1], rel=0.5)
