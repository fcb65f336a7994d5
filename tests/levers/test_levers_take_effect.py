"""Every value of a lever arrives: the process that was given it says so itself, from what it runs.

One stack with a process for each value: they start side by side.
"""

import pytest

from lab.experiments.audit import same_words
from lab.experiments.availability import availability
from lab.experiments.preparation import mode_for
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.status import linked_statuses
from levers.catalogue import catalogue

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

# Needs a second server that this test does not start.
ELSEWHERE = {"read_routing", "broker", "app_transport", "run_mode", "websocket_instances"}


def given(kind: str) -> list[tuple[str, str]]:
    """(lever, value) of each value but the default that a process of this kind can be given here."""
    return [
        (lever.name, value)
        for lever in catalogue().values()
        if kind in lever.processes and mode_for(lever) == "multi" and lever.name not in ELSEWHERE
        and (state := availability(lever)).ready
        for value in lever.values[1:]
        if value not in state.without
    ]  # fmt: skip


VALUES = {kind: given(kind) for kind in ("backend", "websocket")}


@pytest.fixture(scope="module")
def effective(tmp_path_factory):
    """Process name -> what it reports."""
    own = {}
    for kind, pairs in VALUES.items():
        for number, (name, value) in enumerate(pairs, 1):
            lever = catalogue()[name]
            own[f"{kind}-{number}"] = {"POOL_SIZE": "2", **lever.extra_env, lever.env: value}
    request = Request(
        tmp_path_factory.mktemp("all") / "home",
        api=len(VALUES["backend"]),
        websockets=len(VALUES["websocket"]),
        own_levers=own,
        postgres_settings={"max_connections": "400"},
        replicas=1,  # without a synchronous one remote_apply is no more than on
        replication="first_1",
    )
    with running(request) as stack:
        yield {one.name: one.effective for one in linked_statuses(stack)}


def test_there_are_values_to_give():
    assert len(VALUES["backend"]) >= 15
    assert len(VALUES["websocket"]) >= 8


@pytest.mark.parametrize("kind", VALUES)
def test_the_process_runs_with_what_it_was_given(effective, kind):
    wrong = {
        f"{name}={value}": reported
        for number, (name, value) in enumerate(VALUES[kind], 1)
        if not same_words(
            (str(reported := effective[f"{kind}-{number}"].get(catalogue()[name].effective)), ""), (value, "")
        )
    }
    assert not wrong
