"""The stack on Citus, for real: workers that register themselves, are added under load, and leave empty."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.load import Load, clean
from tests.compose.people import Person, heard
from tests.compose.project import Project, until

IMAGES = ("rabbitmq:4.0-management", "haproxy:3.0", "python:3.13-slim")
MAY_LACK = ("citusdata/citus:13.2.0",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
FILE = "docker-compose-citus.yml"
MORE = "docker-compose_add_citus_workers.yml"


@pytest.fixture(scope="module")
def citus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("citus"), FILE)
    try:
        project.build()
        project.compose("up", "--detach")
        until(lambda: project.answers("/docs"), 180, "/docs")
        until(project.healthy, 120, "all are healthy")
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def home(citus: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("citus-home") / "home")
    citus.lab("up", "--mode", "docker", "--home", folder)
    citus.lab("seed", "--users", "200", "--home", folder)
    return folder


def ask(project: Project, statement: str) -> list[str]:
    command = f'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -XqAt -c "{statement}"'
    return project.compose("exec", "-T", "coordinator", "bash", "-c", command).split("\n")[:-1]


def shards(project: Project) -> dict[str, int]:
    """Worker's number: shards of distributed tables on it; of all workers that the coordinator knows."""
    rows = ask(
        project,
        "SELECT n.nodename, count(s.shardid) FROM pg_dist_node n LEFT JOIN citus_shards s"
        " ON s.nodename = n.nodename AND s.citus_table_type = 'distributed'"
        " WHERE n.groupid <> 0 GROUP BY 1",
    )
    return {name.rpartition("-")[2]: int(count) for name, _, count in (row.partition("|") for row in rows)}


def workers(project: Project, count: int) -> None:
    """Ask for so many by hand, as the head of the file says: nobody refuses."""
    scale = ("--scale", f"worker={count}")
    project.docker("compose", "-f", MORE, "up", "--detach", "--no-build", *scale, timeout=180)


def grow(project: Project, count: int) -> tuple[int, str]:
    """Exit code and words of grow.sh."""
    said = project.run("bash", "-c", f"bash citus/compose/grow.sh {count} 2>&1; echo $?", timeout=400)
    words, _, code = said.rstrip("\n").rpartition("\n")
    return int(code), words


def rebalanced(project: Project) -> tuple[int, str]:
    """Exit code and words of the service `rebalance`, of its latest run, once that has ended."""
    container = project.docker("compose", "-f", MORE, "ps", "--all", "--quiet", "rebalance").strip()

    def state() -> dict[str, object]:
        return dict(json.loads(project.docker("inspect", container))[0]["State"])

    until(lambda: state()["Status"] == "exited", 240, "rebalance ends")
    latest = ["docker", "logs", "--since", str(state()["StartedAt"]), container]
    done = subprocess.run(latest, capture_output=True, text=True, check=True)
    return int(str(state()["ExitCode"])), done.stdout + done.stderr


def test_workers_register_themselves_and_tables_are_distributed_by_dialog(citus):
    nodes = ask(citus, "SELECT nodename FROM pg_dist_node WHERE isactive AND groupid <> 0 ORDER BY 1")
    assert nodes == [f"{citus.name}-worker-1", f"{citus.name}-worker-2"]
    tables = ask(
        citus, "SELECT table_name, citus_table_type, distribution_column, colocation_id FROM citus_tables"
    )
    found = {name.strip('"'): rest for name, *rest in (row.split("|") for row in tables)}
    assert found["user"][0] == "reference"
    assert {tuple(found[name]) for name in ("dialog", "dialogmessage")} == {tuple(found["dialog"])}
    assert found["dialog"][:2] == ["distributed", "dialog_id"]
    assert len(set(shards(citus).values())) == 1


def test_the_steps_of_the_runbook_run_by_the_psql_of_the_container(citus):
    text = (citus.folder / "citus" / "runbook" / "README.md").read_text()
    (line,) = re.findall(r"^    docker compose (.* exec .* psql) -v .*$", text, re.MULTILINE)
    for step in ("01_distribute", "02_look"):
        words = ("-v", "ON_ERROR_STOP=1", "-f", f"citus/runbook/{step}.sql")
        assert "shouldhaveshards" in citus.docker("compose", *shlex.split(line), *words) or step[:2] == "01"


def test_a_message_goes_from_one_person_to_another_through_the_proxy(citus):
    ann, bob = Person(citus.url), Person(citus.url)
    with bob.listen() as socket:
        assert ann.send(bob, "over shards") == 201
        assert heard(socket) == "over shards"
    assert bob.history(ann) == ["over shards"]


def test_a_second_up_changes_nothing(citus):
    before = citus.ids()
    citus.up()
    assert citus.ids() == before


def test_workers_are_added_and_shards_spread_under_load_without_losing_a_message(citus, home, tmp_path):
    with Load(citus, home, tmp_path / "load.json", seconds=60) as load:
        code, said = grow(citus, 3)
        assert code == 0, said
        assert "rebalance: done in" in said
        print(said)
        record = load.record()
    clean(record)
    assert set(shards(citus)) == {"1", "2", "3"}
    assert (
        max(shards(citus).values()) - min(shards(citus).values()) <= 2 * 3
    )  # dialog, message, outbox move together


def test_a_worker_that_leaves_with_shards_is_warned_about_and_loses_nothing(citus):
    ann, bob = Person(citus.url), Person(citus.url)
    assert ann.send(bob, "before") == 201
    before = shards(citus)
    code, said = grow(citus, 2)
    assert code == 1
    assert said.endswith("3 workers run; fewer: bash citus/compose/shrink.sh 2")
    workers(citus, 2)
    code, said = rebalanced(citus)
    assert code == 1
    assert f"{citus.name}-worker-3 is not there and holds {before['3']} shards" in said
    assert "shrink.sh" in said
    code, said = grow(citus, 3)
    assert code == 0, said
    assert shards(citus).keys() == before.keys()
    assert bob.history(ann) == ["before"]


def test_workers_leave_empty_under_load_and_stay_away(citus, home, tmp_path):
    with Load(citus, home, tmp_path / "load.json", seconds=45) as load:
        said = citus.run("bash", "citus/compose/shrink.sh", "2", timeout=240)
        print(said)
        assert f"{citus.name}-worker-3 is empty" in said
        record = load.record()
    clean(record)
    assert set(shards(citus)) == {"1", "2"}
    assert len(citus.compose("ps", "--quiet", "worker").split()) == 2
    workers(citus, 2)
    code, said = rebalanced(citus)
    assert code == 0 and "rebalance: WARNING" not in said


def test_nobody_can_be_left_to_hold_nothing(citus):
    done = subprocess.run(
        ["bash", "citus/compose/shrink.sh", "0"],
        cwd=citus.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "usage" in done.stderr


def test_data_survives_down_and_up(citus):
    ann, bob = Person(citus.url), Person(citus.url)
    assert ann.send(bob, "keep this") == 201
    citus.compose("down")
    citus.up()
    until(lambda: citus.answers("/ready"), 60)
    assert ann.history(bob) == ["keep this"]
