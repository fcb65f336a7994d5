"""A renewal gives each process the settings of the side that it becomes, and asks all what they run with."""

import pytest

from lab.errors import VoidResult
from lab.experiments import rig as rigs
from lab.experiments.arrangement import arrange
from lab.experiments.rig import StackRig
from lab.stack.description import Process
from tests.lab.experiments.fake_stack import FakeLoad, FakeStackRig, description
from tests.lab.experiments.fakes import plan

NO_LOAD = FakeLoad(None)


@pytest.fixture
def restarted(monkeypatch):
    """Process -> the changes to its environment with which it was restarted."""
    found = {}
    monkeypatch.setattr(rigs, "restart", lambda stack, name, changes=None: found.update({name: changes}))
    return found


class Audited(StackRig):
    audits = 0

    def audit(self):
        self.audits += 1


async def test_in_a_duet_the_sides_take_the_places_that_are_asked_for(restarted, tmp_path):
    rig = Audited(plan(), arrange(plan(), tmp_path), {"duet": description("duet")}, NO_LOAD)
    for order in (("b", "a", "a2"), ("a2", "b", "a")):
        await rig.renew(order)
        loops = {"a": "uvloop", "a2": "uvloop", "b": "asyncio"}
        assert restarted == {
            f"backend-{place}": {"EVENT_LOOP": loops[side]} for place, side in enumerate(order, 1)
        }
        ports = [rig._targets(side).api[0].rpartition(":")[2] for side in order]
        assert ports == ["1", "2", "3"]
    assert rig.audits == 2


async def test_services_of_a_stack_of_its_own_are_restarted_as_they_are(restarted, tmp_path):
    asked = plan(lever="encoding", values=("json", "msgpack"), design="abab")
    stack = description("b")
    servers = [Process("postgres", "postgres", 1, None), Process("backend-1", "backend", 1, None)]
    stack.processes.extend(servers)
    rig = Audited(asked, arrange(asked, tmp_path), dict.fromkeys(("a", "a2", "b"), stack), NO_LOAD)
    await rig.renew(("b",))
    assert restarted == {"backend-1": None}


def test_sides_that_do_not_differ_after_a_renewal_end_the_session():
    with pytest.raises(VoidResult, match="both run with uvloop"):
        FakeStackRig(plan(), None, words=("uvloop", "uvloop", "uvloop")).audit()
