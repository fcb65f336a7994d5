"""docker compose up, for real: one stack for all of these, in this order."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.compose.project import Person, Project, heard, missing, until

IMAGES = ("postgres:17", "rabbitmq:4.0-management", "haproxy:3.0", "python:3.13-slim")
WHY_NOT = missing(*IMAGES)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or ""),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    from tests.compose.project import ROOT

    project = Project(tmp_path_factory.mktemp("compose"))
    project.docker("compose", "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"),
                   "--env-file", str(project.folder / ".env"), "--profile", "tools", "build", "--quiet",
                   timeout=600)  # fmt: skip
    try:
        begin = time.monotonic()
        project.compose("up", "--detach", "--no-build")
        until(lambda: httpx.get(f"{project.url}/docs").status_code == 200, 120, "/docs")
        project.seconds = time.monotonic() - begin  # type: ignore[attr-defined]
        until(project.healthy, 120, "all are healthy")
        yield project
    finally:
        project.down()


def test_docs_answer_within_a_minute(project):
    assert project.seconds < 60


def test_a_second_up_changes_nothing(project):
    before = project.ids()
    project.up()
    assert project.ids() == before


def test_a_message_goes_from_one_person_to_another(project):
    ann, bob = Person(project.url), Person(project.url)
    with bob.listen() as socket:
        assert ann.send(bob, "hello") == 201
        assert heard(socket) == "hello"


def test_three_rabbitmq_nodes_are_one_cluster_with_two_management_pages(project):
    status = json.loads(
        project.compose("exec", "-T", "rabbit", "rabbitmqctl", "cluster_status", "--formatter=json")
    )
    assert set(status["running_nodes"]) == {"rabbit@rabbit", "rabbit@rabbit-slave", "rabbit@rmq-slave-1"}
    auth = (project.env["RABBITMQ_USER"], project.env["RABBITMQ_PASSWORD"])
    seen = [
        httpx.get(f"http://127.0.0.1:{project.ports[name]}/api/overview", auth=auth).json()["node"]
        for name in ("RABBITMQ_MANAGEMENT_PORT", "RABBITMQ_SLAVE_MANAGEMENT_PORT")
    ]
    assert seen == ["rabbit@rabbit", "rabbit@rabbit-slave"]


def test_nothing_runs_as_root_or_writes_to_its_image_or_listens_to_the_world(project):
    for container in project.inspect():
        assert (
            container["Config"]["User"] not in ("", "root", "0") or "haproxy" in container["Config"]["Image"]
        )
        assert container["HostConfig"]["ReadonlyRootfs"] and container["HostConfig"]["CapDrop"] == ["ALL"]
        assert container["HostConfig"]["Memory"] > 0
        bindings = container["NetworkSettings"]["Ports"].values()
        assert {host["HostIp"] for hosts in bindings if hosts for host in hosts} <= {"127.0.0.1"}
    uids = project.compose("exec", "-T", "haproxy", "id", "-u")
    assert uids.strip() != "0"


def test_user_faker_makes_people_who_can_log_in(project):
    said = project.compose("run", "--rm", "-T", "user_faker", "--users", "30", "--dialogs", "10")
    assert "Added 30 users" in said
    name = said.partition("(")[2].partition(" ")[0]
    form = {"username": name, "password": "password"}
    assert httpx.post(f"{project.url}/api/v1/login", data=form, timeout=15).status_code == 200


def test_scaled_instances_are_live_without_an_edit_and_no_socket_drops(project):
    ann, bob = Person(project.url), Person(project.url)
    with bob.listen() as socket:
        project.compose(
            "up", "--detach", "--no-build", "--no-recreate", "--scale", "websocket=4", "--scale", "backend=3"
        )
        expected = {f"websocket-{n}" for n in (1, 2, 3, 4)} | {f"backend-{n}" for n in (1, 2, 3)}
        until(project.healthy, 90, "the new instances are healthy")
        until(
            lambda: {n for n, s in project.servers().items() if s == "UP"} == expected, 5, "live in HAProxy"
        )
        assert ann.send(bob, "still there?") == 201
        assert heard(socket) == "still there?"


def test_scaling_down_again_costs_no_request(project):
    answers: Counter[int | str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers[httpx.get(f"{project.url}/live", timeout=10).status_code] += 1
            except httpx.HTTPError as error:
                answers[type(error).__name__] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    project.compose(
        "up", "--detach", "--no-build", "--no-recreate", "--scale", "websocket=2", "--scale", "backend=2"
    )
    until(lambda: len(project.servers()) == 4, 10, "gone from HAProxy")
    stop.set()
    asking.join()
    assert set(answers) == {200}


def test_a_reload_of_haproxy_costs_no_request_and_no_socket(project):
    ann, bob = Person(project.url), Person(project.url)
    answers: Counter[int] = Counter()
    with bob.listen() as socket, httpx.Client(base_url=project.url, timeout=10) as client:
        for _ in range(3):
            said = project.compose("exec", "-T", "haproxy", "bash", "/usr/local/etc/haproxy/reload.sh")
            assert "reloaded" in said
            begin = time.monotonic()
            while time.monotonic() - begin < 1.5:
                answers[client.get("/live").status_code] += 1
                answers[httpx.get(f"{project.url}/live", timeout=10).status_code] += 1
        assert ann.send(bob, "after the reload") == 201
        assert heard(socket) == "after the reload"
    assert set(answers) == {200}


def test_a_rabbitmq_node_dies_and_messages_go_on(project):
    ann, bob = Person(project.url), Person(project.url)
    with bob.listen() as socket:
        project.compose("kill", "-s", "KILL", "rabbit")
        for number in range(5):
            assert ann.send(bob, f"m{number}") == 201
        assert {heard(socket, 45) for _ in range(5)} == {f"m{number}" for number in range(5)}
    project.compose("start", "rabbit")
    until(project.healthy, 120, "the node is back")


def test_services_leave_gracefully(project):
    project.compose("stop", "websocket", "backend", timeout=120)
    ids = project.compose("ps", "--all", "--quiet", "websocket", "backend").split()
    codes = [one["State"]["ExitCode"] for one in json.loads(project.docker("inspect", *ids))]
    assert codes == [0] * 4
    project.up()


def test_data_survives_down_and_up(project):
    ann, bob = Person(project.url), Person(project.url)
    assert ann.send(bob, "keep this") == 201
    project.compose("down")
    project.up()
    until(lambda: httpx.get(f"{project.url}/ready").status_code == 200, 60)
    assert ann.history(bob) == ["keep this"]
