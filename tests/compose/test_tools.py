"""The lab's own tools on a compose stack: the same commands as on a host."""

import json
import subprocess
import sys

import httpx
import pytest

from tests.compose.load import Load, clean
from tests.compose.project import Project, until
from tests.compose.watch import Watch

IMAGES = ("postgres:17", "rabbitmq:4.0-management", "haproxy:3.0", "python:3.13-slim")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
LIVE_SECONDS = 5.0  # from the start of docker compose, as Watch counts them


@pytest.fixture(scope="module")
def home(project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The run folder in which `lab up --mode docker` described the stack that runs already."""
    folder = str(tmp_path_factory.mktemp("tools") / "home")
    before = project.ids()
    assert project.url in project.lab("up", "--mode", "docker", "--home", folder)
    assert project.ids() == before
    project.lab("seed", "--users", "200", "--home", folder)
    return folder


def test_user_faker_makes_people_who_can_log_in(project):
    said = project.compose("run", "--rm", "-T", "user_faker", "--users", "30", "--dialogs", "10")
    assert "Added 30 users" in said
    name = said.partition("(")[2].partition(" ")[0]
    form = {"username": name, "password": "password"}
    assert httpx.post(f"{project.url}/api/v1/login", data=form, timeout=60).status_code == 200


def test_status_shows_every_container_and_what_it_runs_with(project, home):
    told = json.loads(project.lab("status", "--json", "--home", home))
    assert {one["name"]: one["health"] for one in told["processes"]} == dict.fromkeys(
        (
            "backend-1", "backend-2", "websocket-1", "websocket-2", "haproxy", "postgres",
            "rabbit", "rabbit-slave", "rmq-slave-1",
        ),
        "ok",
    )  # fmt: skip
    effective = next(one for one in told["processes"] if one["name"] == "backend-1")["report"]["effective"]
    assert effective["broker"] == "rabbitmq"


def test_load_keeps_its_ledger_through_the_proxy(project, home, tmp_path):
    with Load(project, home, tmp_path / "load.json", seconds=5) as load:
        record = load.record()
    assert not clean(record)["closes"]
    assert record["total"]["errors"] == {}


def test_scaled_instances_are_live_within_seconds_and_no_socket_drops(project, home, tmp_path):
    """Under load, with no file edited. Counted from when `docker compose up` is started."""
    expected = {f"websocket-{n}" for n in (1, 2, 3, 4)} | {f"backend-{n}" for n in (1, 2, 3)}

    def live() -> bool:
        return {name for name, state in project.servers().items() if state == "UP"} == expected

    with Load(project, home, tmp_path / "load.json", seconds=30) as load:
        watch, returned = Watch(), Watch()
        project.scale(websocket=4, backend=3)
        print(f"docker compose returned after {returned.took()}")
        until(live, 240, "all of them live in HAProxy")
        took = watch.took()
        print(f"all live after {took}")
        ledger = clean(load.record())
    assert not ledger["closes"] and not ledger["reconnects"]
    project.scale(websocket=2, backend=2)
    until(project.healthy, 240)
    assert took.seconds < LIVE_SECONDS


ROWS = ("broker-node-killed",)  # one of those that docker can do; all: lab faults --mode docker


def test_faults_of_the_table_hold_their_bounds_under_load(project, tmp_path):
    print(project.lab("faults", *ROWS, "--mode", "docker", "--output", str(tmp_path), timeout=400))
    entries = json.loads((tmp_path / "faults-docker.json").read_text())["entries"]
    assert entries.keys() == set(ROWS)
    for name, entry in entries.items():
        assert (entry["observation"]["lost"], entry["observation"]["broken"]) == (0, []), name


def test_another_mode_is_not_pretended(project):
    done = subprocess.run(
        [sys.executable, "-m", "lab.cli", "faults", "database-link-stalled", "--mode", "docker"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and "mode docker has none of these" in done.stderr
