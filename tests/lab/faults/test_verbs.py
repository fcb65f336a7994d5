"""A fault hits what serves somebody, is seen to happen, and says when it did not."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lab.faults import brokers, coming, disturbers, verbs
from lab.faults import scene as scene_module
from lab.faults.coming import not_back
from lab.faults.links import Links
from lab.faults.rows import ROWS, named
from lab.faults.run import _judge_back
from lab.faults.scene import Scene
from lab.faults.verbs import act, attempt
from lab.stack.description import Database, Process, StackDescription


def line(pid: str, client: str) -> str:
    return f'<{pid}>\t[{{"product","aiormq"}}, {{"connection_name","{client}"}}]\n'


LISTED = "pid\tclient_properties\n" + "".join(
    line(*one)
    for one in (
        ("rabbit-slave@localhost.1700.812.0", "websocket-1-consume"),
        ("rabbit@localhost.1700.99.0", "backend-1-publish"),
        ("rabbit-slave@localhost.1700.813.0", "backend-2-publish"),
        ("rmq-slave-1@localhost.1700.7.0", "backend-3-publish"),
        ("rmq-slave-1@localhost.1700.8.0", "backend-4-publish"),
    )
)


class FakeScene(Scene):
    """Three nodes; `answers` are what rabbitmqctl says to each word, the last one for ever."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        nodes = ("rabbit", "rabbit-slave", "rmq-slave-1")
        processes = [Process(name, "rabbitmq", 0, None) for name in nodes]
        processes.append(Process("epmd", "epmd", 0, None))
        database = Database("127.0.0.1", 1, "lab", "", "lab")
        stack = StackDescription("stack", Path(), [], [], database, "", processes)
        super().__init__(stack, cast("Links", None))
        self.answers = answers
        self.killed: list[str] = []
        self.asked: list[tuple[str, str]] = []

    async def rabbitmqctl(self, *arguments: str, node: str = "rabbit") -> str:
        self.asked.append((node, " ".join(arguments)))
        left = next((left for word, left in self.answers.items() if word in " ".join(arguments)), [""])
        return left.pop(0) if len(left) > 1 else left[0]

    async def kill(self, *names: str) -> None:
        self.killed += names


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "LIMIT_SECONDS", 0)


async def test_the_node_that_serves_most_is_broken_and_told():
    scene = FakeScene({"list_connections": [LISTED]})
    await act(scene, "kill consume-node")
    await act(scene, "kill publish-node")
    assert scene.killed == ["rabbit-slave", "rmq-slave-1"] and not scene.troubles
    assert scene.notes[0] == "node rabbit-slave, which served backend-2-publish, websocket-1-consume"


async def test_the_same_node_is_mended_that_was_broken():
    scene = FakeScene({"list_connections": [LISTED, line("rabbit@localhost.1.1.0", "websocket-1-consume")]})
    await act(scene, "kill consume-node")
    await act(scene, "kill consume-node")
    assert scene.killed == ["rabbit-slave", "rabbit-slave"]


async def test_a_kind_means_all_its_processes_and_no_epmd():
    scene = FakeScene({})
    await act(scene, "kill rabbitmq")
    assert scene.killed == ["rabbit", "rabbit-slave", "rmq-slave-1"]


def asleep() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"])


@pytest.mark.parametrize("comes_back", [True, False])
async def test_what_was_killed_is_seen_to_be_back(monkeypatch, comes_back):
    killed, another = asleep(), asleep()
    answers = [{"backend-1": killed.pid}] * 3 + [{}]  # asked twice before, once too early, once in between

    def live_pids(_stack: StackDescription) -> dict[str, int]:
        then = {"backend-1": another.pid} if comes_back else {}
        return answers.pop(0) if answers else then

    monkeypatch.setattr(StackDescription, "live_pids", live_pids)
    monkeypatch.setattr(scene_module, "AGAIN_SECONDS", 0.3 if not comes_back else 60)
    looks = ["refused", "503 starting", None]

    def http_ready(url: str) -> Callable[[], str | None]:
        assert url == "http://127.0.0.1:1"
        return lambda: looks.pop(0)

    monkeypatch.setattr(scene_module, "http_ready", http_ready)
    scene = FakeScene({})
    scene.stack.processes.append(Process("backend-1", "backend", 0, "http://127.0.0.1:1/health"))
    try:
        await Scene.kill(scene, "backend-1")
    finally:
        killed.wait(30)
        another.kill()
        another.wait(30)
    if comes_back:
        assert scene.notes[0].startswith("backend-1 back after ") and not scene.troubles
        assert not looks and scene.back_seconds is not None
    else:
        assert scene.troubles == ["not back within 0.3 s: backend-1"] and not scene.notes
        assert scene.back_seconds is None


@pytest.mark.parametrize(
    ("name", "away", "troubles"),
    [
        ("api-killed", 2.9, []),
        ("api-killed", 3.1, ["back after 3.1 s, bound 3 s"]),
        ("api-killed", None, ["not seen to be back, bound 3 s"]),
        ("broker-node-killed", 14.0, []),  # RabbitMQ takes its time
    ],
)
def test_what_was_killed_is_back_within_the_bound_of_its_row(name, away, troubles):
    scene = FakeScene({})
    scene.back_seconds = away
    _judge_back(named(name), scene)
    assert scene.troubles == troubles


def test_every_row_that_kills_a_process_of_ours_has_a_bound_for_its_way_back():
    killing = {row.name: row.back_seconds for row in ROWS if row.begin.startswith("kill ")}
    ours = {name for name in killing if not name.startswith(("broker", "publisher"))}
    assert {name for name, bound in killing.items() if bound == 3.0} == ours


async def test_a_node_that_serves_nobody_is_a_trouble():
    scene = FakeScene({"list_connections": [""]})
    assert not await attempt(scene, "kill consume-node") and not scene.killed
    assert scene.troubles == ["kill consume-node: no node serves a consumer"]


async def test_a_partition_counts_only_when_the_node_has_paused_itself():
    scene = FakeScene({"list_connections": [LISTED], "is_running": ["true\n", "false\n", "true\n"]})
    assert not await attempt(scene, "cut-off consume-node")
    assert scene.troubles == ["cut-off consume-node: rabbit-slave did not pause"]
    scene.troubles.clear()
    await act(scene, "cut-off consume-node")
    await act(scene, "join consume-node")
    assert not scene.troubles
    assert {node for node, words in scene.asked if words.startswith("eval")} == {"rabbit-slave"}


async def test_an_alarm_that_was_not_raised_is_a_trouble():
    scene = FakeScene({"get_alarms": ["false\n", "true\n"]})
    assert not await attempt(scene, "alarm disk")
    await act(scene, "end-alarm disk")
    assert scene.troubles == ["alarm disk: no disk alarm was raised", "the disk alarm did not end"]


class Counts:
    """What the services have counted, one answer after the other."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)
        self.asked: list[str] = []

    async def __call__(self, _stack: StackDescription, series: str) -> float:
        self.asked.append(series)
        return self.values.pop(0)


@pytest.mark.parametrize(("after", "troubles"), [(7.0, []), (5.0, ["no hint was reordered"])])
async def test_hints_that_came_in_order_all_the_same_are_a_trouble(monkeypatch, after, troubles):
    counts = Counts(5.0, after)
    monkeypatch.setattr(verbs, "counted", counts)
    scene = FakeScene({})
    scene.links = links = Links()
    links.port("backend-broker", "127.0.0.1", 1)
    try:
        await act(scene, "delay-half backend-broker")
        await act(scene, "end")
    finally:
        links.close()
    assert scene.troubles == troubles
    assert counts.asked == ['hints_total{kind="reordered"}'] * 2


def test_what_is_held_afterwards_and_was_not_before_is_named():
    before = {"websocket-1": {"users": 50.0, "bindings": 30.0, "asyncio_tasks": 100.0, "pss_mib": 40.0}}
    after = {"websocket-1": {"users": 51.0, "bindings": 31.0, "asyncio_tasks": 105.0, "pss_mib": 44.0}}
    assert not_back(before, before) == []
    assert not_back(before, after) == [
        "websocket-1 holds users 51, before 50",
        "websocket-1 holds bindings 31, before 30",
        "websocket-1 holds pss_mib 44, before 40",
    ]


@pytest.mark.parametrize(
    ("last", "troubles"), [(50.0, []), (52.0, ["websocket-1 holds pss_mib 52, before 48"])]
)
async def test_memory_is_compared_with_what_the_first_five_thousand_left(monkeypatch, last, troubles):
    memory, came = [40.0, 48.0, last], []

    async def held(_stack: StackDescription) -> dict[str, dict[str, float]]:
        return {"websocket-1": {"users": 5.0, "pss_mib": memory.pop(0)}}

    class Comers:
        def __init__(self, _stack: StackDescription, total: int, **_: float) -> None:
            came.append(total)
            self.welcomed, self.not_welcomed = total, dict[str, int]()

        async def run(self) -> None: ...

    monkeypatch.setattr(coming, "held", held)
    monkeypatch.setattr(coming, "Comers", Comers)
    monkeypatch.setattr(coming, "BACK_SECONDS", 0)
    scene = FakeScene({})
    await act(scene, "come-and-go 10000")
    assert scene.troubles == troubles and came == [5000, 10000]


async def bindings_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """No device comes, and the services hold nothing but what the broker lists."""

    async def held(_stack: StackDescription) -> dict[str, dict[str, float]]:
        return {"websocket-1": {"users": 0.0}}

    monkeypatch.setattr(coming, "held", held)
    monkeypatch.setattr(coming, "BACK_SECONDS", 0)
    scene.stack = replace(scene.stack, rabbitmq={"host": "127.0.0.1:1"})

    async def no_users(_stack: StackDescription) -> list[int]:
        return []

    monkeypatch.setattr(disturbers, "users_of", no_users)
    await act(scene, "come-and-go 0")


async def test_bindings_are_counted_whatever_the_queue_of_a_service_is_called(monkeypatch):
    """Under compose it has the container's name. Only those of the services count."""
    first = "hints.partition\thints.websocket-1f00ba4.aa\n\thints.websocket-1f00ba4.aa\n"
    then = first + "hints.partition\thints.websocket-1f00ba4.aa\nhints.partition\thints.lab-copier.bb\n"
    scene = FakeScene({"list_bindings": [first, first, then]})
    await bindings_seen(scene, monkeypatch)
    assert scene.troubles == ["all services holds bindings 2, before 1"]


async def test_bindings_that_were_not_found_prove_nothing(monkeypatch):
    scene = FakeScene({"list_bindings": [""]})
    await bindings_seen(scene, monkeypatch)
    assert scene.troubles == ["no binding of a websocket service was found"]
