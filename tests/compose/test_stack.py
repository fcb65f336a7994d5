"""docker compose up, for real: one stack for all of these, in this order."""

import json
import os
import signal
import threading
import time
from collections import Counter

import httpx
import pytest

from tests.compose.people import Person, heard
from tests.compose.project import until

IMAGES = ("postgres:17", "rabbitmq:4.0-management", "haproxy:3.0", "python:3.13-slim")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
RESTART_SECONDS = 180


def test_docs_answer_within_a_minute(project):
    print(f"/docs answered {project.took}, after the start of docker compose up")
    assert project.took.seconds < 60


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


def test_scaling_down_costs_no_request(project):
    project.scale(websocket=4, backend=3)
    until(project.healthy, 240, "the new instances are healthy")
    answers: Counter[int | str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers[httpx.get(f"{project.url}/live", timeout=60).status_code] += 1
            except httpx.HTTPError as error:
                answers[type(error).__name__] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    project.scale(websocket=2, backend=2)
    until(lambda: len(project.servers()) == 4, 60, "gone from HAProxy")
    stop.set()
    asking.join()
    assert set(answers) == {200}


def test_a_reload_of_haproxy_costs_no_request_and_no_socket(project):
    ann, bob = Person(project.url), Person(project.url)
    answers: Counter[int] = Counter()
    with bob.listen() as socket, httpx.Client(base_url=project.url, timeout=60) as client:
        for _ in range(3):
            said = project.compose("exec", "-T", "haproxy", "bash", "/usr/local/etc/haproxy/reload.sh")
            assert "reloaded" in said
            begin = time.monotonic()
            while time.monotonic() - begin < 1.5:
                answers[client.get("/live").status_code] += 1
                answers[httpx.get(f"{project.url}/live", timeout=60).status_code] += 1
        assert ann.send(bob, "after the reload") == 201
        assert heard(socket) == "after the reload"
    assert set(answers) == {200}


def test_what_crashes_is_brought_back_by_the_engine(project):
    """Killed from this machine as a crash would end it; what `docker kill` ends, the engine leaves alone."""
    before = {one["Id"]: one["State"]["Pid"] for one in project.inspect()}
    for service in ("backend", "websocket", "haproxy", "postgres", "rabbit-slave"):
        container = project.compose("ps", "--quiet", service).split()[0]
        os.kill(before[container], signal.SIGKILL)
    until(lambda: len(project.ids()) == len(before) and project.healthy(), 240, "all are well again")
    after = {one["Id"]: one["RestartCount"] for one in project.inspect()}
    assert sum(after.values()) == 5
    until(lambda: project.answers("/ready"), RESTART_SECONDS, "ready")


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
    until(lambda: httpx.get(f"{project.url}/ready").status_code == 200, 180)
    assert ann.history(bob) == ["keep this"]
