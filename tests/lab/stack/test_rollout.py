"""Replacing the services of a running stack one by one."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli import run
from lab.commands.rollout import judge, watched
from lab.errors import StackError, UsageError
from lab.load.plan import LoadPlan
from lab.stack.description import Database, Process, StackDescription
from lab.stack.haproxy import Proxy
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.rollout import candidates, noticed, roll
from lab.stack.status import linked_statuses, statuses


def described(backends: int, websockets: int, proxy: bool = True) -> StackDescription:
    names = [f"backend-{n + 1}" for n in range(backends)] + [f"websocket-{n + 1}" for n in range(websockets)]
    processes = [Process(name, name.partition("-")[0], 1, None) for name in names]  # type: ignore[arg-type]
    database = Database("127.0.0.1", 1, "postgres", "", "lab")
    haproxy = {"url": "http://127.0.0.1:1"} if proxy else None
    return StackDescription(
        "stack", Path("/"), [], [], database, "secret", processes=processes, haproxy=haproxy
    )


def test_the_api_goes_first_and_a_kind_can_be_chosen():
    names = [process.name for process in candidates(described(2, 1))]
    assert names == ["backend-1", "backend-2", "websocket-1"]
    assert [process.name for process in candidates(described(2, 1), ["websocket"])] == ["websocket-1"]
    with pytest.raises(UsageError):
        candidates(described(0, 0))


def test_what_clients_would_notice_is_said_before():
    assert noticed(described(2, 2)) is None
    assert "no proxy" in (noticed(described(2, 2, proxy=False)) or "")
    assert "only one websocket" in (noticed(described(2, 1)) or "")
    assert noticed(described(2, 1), ["backend"]) is None


def test_containers_are_left_to_docker_compose(tmp_path):
    containers = replace(described(2, 2), mode="docker", home=tmp_path)
    with pytest.raises(UsageError, match="not containers"):
        roll(containers)


def test_a_proxy_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(StackError, match="HAProxy does not answer in"):
        Proxy(tmp_path / "haproxy").tell("show info")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDescription]:
    with running(Request(tmp_path_factory.mktemp("rollout") / "home", mode="stack")) as description:
        assert run(["seed", "--users", "50", "--home", str(description.home)]) == 0
        yield description


needs_the_stack = [pytest.mark.rabbitmq, pytest.mark.haproxy, pytest.mark.stack, pytest.mark.timeout(600)]


class TestUnderLoad:
    pytestmark = needs_the_stack

    async def test_a_rollout_fails_no_request_and_loses_no_message(self, stack: StackDescription):
        before = stack.live_pids()
        plan = LoadPlan(stack=stack, rate=30, duration=400, sockets=20, dialogs=20, settle=60, proxy=True)
        plan = replace(plan, timeout=30)  # a full machine is slow and fails nothing
        record = await watched(plan, ["backend", "websocket"], {"LOG_LEVEL": "info"})
        judge(record)
        assert record.ledger.acknowledged > 0
        assert len(record.events) == 8
        after = stack.live_pids()
        replaced = {name for name in before if before[name] != after[name]}
        assert replaced == {"backend-1", "backend-2", "websocket-1", "websocket-2"}
        effective = {row.name: row.effective for row in statuses(stack)}
        assert {effective[name]["log_level"] for name in replaced} == {"info"}

    async def test_the_first_that_does_not_come_back_ends_it_and_the_others_serve(
        self, stack: StackDescription
    ):
        with pytest.raises(StackError, match="ended at backend-1"):
            await asyncio.to_thread(roll, stack, ["backend"], {"POOL_SIZE": "many"})
        proxy = Proxy(stack.home / "haproxy")
        async with asyncio.timeout(60):  # a check may have failed on a full machine
            while proxy.servers()["backend-2"]["status"] != "UP":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.to_thread(roll, stack, ["backend"], {"POOL_SIZE": None})
        assert {row.health for row in linked_statuses(stack)} == {"ok"}

    def test_a_setting_that_the_stack_turns_into_others_is_refused(self, stack: StackDescription, capsys):
        assert run(["rollout", "--set", "BALANCE=leastconn", "--home", str(stack.home)]) == 2
        assert "needs a new stack" in capsys.readouterr().err
