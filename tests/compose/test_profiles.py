"""What is started only when asked for: replicas, TLS, monitoring, load."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from tests.compose.people import Person, heard
from tests.compose.project import ROOT, Project, missing, until

IMAGES = ("postgres:17", "rabbitmq:4.0-management", "haproxy:3.0", "python:3.13-slim")
PROMETHEUS = ("prom/prometheus:v3.5.0", "prom/prometheus:latest")
EXPORTER = "prometheuscommunity/postgres-exporter:v0.17.1"
GRAFANA = "grafana/grafana:11.6.0"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


# --- replicas


@pytest.fixture(scope="module")
def replicas(project: Project) -> Iterator[Project]:
    """Two replicas, and reads that go to them."""
    project.configure(READ_ROUTING="replica_ryw", SYNCHRONOUS_STANDBY_NAMES="ANY 1 (replica_1, replica_2)")
    project.compose("--profile", "replicas", "up", "--detach", "--wait")
    yield project
    project.configure(READ_ROUTING="primary", SYNCHRONOUS_STANDBY_NAMES="")
    project.compose("up", "--detach", "--wait")
    project.compose("rm", "--stop", "--force", "--volumes", "replica-1", "replica-2")


def test_both_replicas_stream_and_a_commit_waits_for_one_of_them(replicas, tmp_path):
    replicas.lab("up", "--mode", "docker", "--home", str(tmp_path / "home"))
    told = replicas.lab("replicas", "status", "--home", str(tmp_path / "home"))
    rows = [line for line in told.splitlines() if "replica-" in line and "streaming" in line]
    assert len(rows) == 2 and all("quorum" in row for row in rows), told


def test_reads_go_to_replicas_and_show_what_the_reader_wrote(replicas):
    ann, bob = Person(replicas.url), Person(replicas.url)
    for number in range(20):
        assert ann.send(bob, f"m{number}") == 201
        assert f"m{number}" in ann.history(bob)
    until(lambda: bob.history(ann) and _reads_of_replicas(replicas), 90, "reads from a replica")


def _reads_of_replicas(project: Project) -> float:
    total = 0.0
    for container in project.compose("ps", "--quiet", "backend").split():
        address = json.loads(project.docker("inspect", container))[0]["NetworkSettings"]["Networks"]
        page = httpx.get(f"http://{next(iter(address.values()))['IPAddress']}:8000/metrics").text
        total += sum(
            float(line.split()[-1]) for line in page.splitlines() if line.startswith("reads_replica")
        )
    return total


def test_writing_to_a_replica_is_a_clear_error(replicas):
    said = replicas.compose(
        "exec", "-T", "replica-1", "bash", "-c",
        'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "DELETE FROM dialog" 2>&1 || true',
    )  # fmt: skip
    assert "read-only transaction" in said


# --- PostgreSQL's door


def test_postgres_lets_nobody_in_without_the_password(project):
    async def enter(password: str) -> int:
        env = project.env
        dsn = f"postgresql://{env['POSTGRES_USER']}:{quote(password)}@127.0.0.1:{env['POSTGRES_PORT']}/{env['POSTGRES_DB']}"
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            return int(await connection.fetchval("SELECT 1"))
        finally:
            await connection.close()

    assert asyncio.run(enter(project.env["POSTGRES_PASSWORD"])) == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(enter("wrong"))
    said = project.compose(
        "exec",
        "-T",
        "postgres",
        "bash",
        "-c",
        'psql -w -h 127.0.0.1 -U "$POSTGRES_USER" postgres 2>&1 || true',
    )
    assert "no password supplied" in said


# --- TLS


@pytest.fixture
def tls(project: Project) -> Iterator[Project]:
    files = ("-f", "docker-compose.yml", "-f", "docker-compose-tls.yml")
    project.docker("compose", *files, "up", "--detach", "--wait")
    yield project
    project.compose("up", "--detach", "--wait")


def test_tls_serves_page_api_and_websockets_with_a_certificate_made_on_demand(tls):
    url = f"https://127.0.0.1:{tls.ports['HAPROXY_TLS_PORT']}"
    certificate = tls.compose("exec", "-T", "haproxy", "cat", "/var/lib/haproxy/tls.pem")
    trusted = ssl.create_default_context(cadata=certificate[: certificate.index("-----BEGIN PRIVATE")])
    assert httpx.get(f"{url}/", verify=trusted).status_code == 200
    where = httpx.get(f"{url}/api/v1/where", verify=trusted).json()["websockets"]
    assert where == ["/ws"]  # so the page asks for wss:// on its own host and port
    ann, bob = Person(tls.url), Person(tls.url)
    with bob.listen(url, ssl=trusted, origin=url) as socket:
        assert ann.send(bob, "over TLS") == 201
        assert heard(socket) == "over TLS"
    assert httpx.get(f"{tls.url}/docs").status_code == 200  # plain HTTP stays


# --- monitoring


class Figures:
    """What Prometheus knows."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._api = f"http://127.0.0.1:{project.ports['PROMETHEUS_PORT']}/api/v1"

    def targets(self) -> list[tuple[str, str]]:
        found = httpx.get(f"{self._api}/targets").json()["data"]["activeTargets"]
        return sorted((one["labels"]["job"], one["health"]) for one in found)

    def asked(self, question: str) -> list[Any]:
        answer = httpx.get(f"{self._api}/query", params={"query": question}).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def are_there_for(self, questions: set[str]) -> None:
        """Every question of the dashboard has figures, while somebody sends."""
        ann, bob = Person(self._project.url), Person(self._project.url)
        without = set(questions)

        def all_have_figures() -> bool:
            ann.send(bob, "so that there is something to see")
            without.difference_update([question for question in without if self.asked(question)])
            return not without

        with bob.listen():
            until(all_have_figures, 180, f"figures for {without}")


@pytest.fixture(scope="module")
def prometheus(project: Project) -> Iterator[Figures]:
    here = [image for image in PROMETHEUS if missing(image) is None]
    if not here:
        pytest.skip(f"no image {PROMETHEUS[0]} (docker pull)")
    project.configure(PROMETHEUS_IMAGE=here[0])
    project.compose("--profile", "monitoring", "up", "--detach", "--no-deps", "prometheus")
    yield Figures(project)
    project.compose("rm", "--stop", "--force", "prometheus")


def board_questions() -> tuple[set[str], set[str]]:
    """What the dashboard asks of PostgreSQL's exporter, and of all others."""
    board = json.loads((ROOT / "monitoring/grafana/dashboards/lab.json").read_text())
    questions = {target["expr"] for panel in board["panels"] for target in panel.get("targets", [])}
    of_postgres = {question for question in questions if "pg_" in question}
    return of_postgres, questions - of_postgres


def test_prometheus_reaches_every_process_and_has_the_figures_of_every_dashboard(project, prometheus):
    jobs = {"backend": 2, "websocket": 2, "rabbitmq": 3, "haproxy": 1, "prometheus": 1}
    expected = sorted((job, "up") for job, count in jobs.items() for _ in range(count))

    def others() -> list[tuple[str, str]]:
        return [one for one in prometheus.targets() if one[0] != "postgres"]  # the next test's

    until(lambda: others() == expected, 180, "all targets are up")
    prometheus.are_there_for(board_questions()[1])
    until(project.healthy, 120, "Prometheus is well")


@pytest.mark.skipif(missing(EXPORTER) is not None, reason=f"no image {EXPORTER} (docker pull)")
def test_prometheus_has_the_figures_of_postgresql(project, prometheus):
    project.compose("--profile", "monitoring", "up", "--detach", "--no-deps", "postgres_exporter")
    until(lambda: ("postgres", "up") in prometheus.targets(), 180, "PostgreSQL's exporter is up")
    assert board_questions()[0]
    prometheus.are_there_for(board_questions()[0])
    until(project.healthy, 120, "the exporter is well")
    project.compose("rm", "--stop", "--force", "postgres_exporter")


@pytest.mark.skipif(missing(GRAFANA) is not None, reason=f"no image {GRAFANA} (docker pull)")
def test_grafana_shows_the_dashboard_without_a_login(project):
    project.compose("--profile", "monitoring", "up", "--detach", "--no-deps", "grafana")
    page = f"http://127.0.0.1:{project.ports['GRAFANA_PORT']}/api/search"
    until(lambda: httpx.get(page).json()[0]["title"], 60, "a dashboard")
    until(project.healthy, 120, "Grafana is well")
    project.compose("rm", "--stop", "--force", "grafana")


# --- load


def test_locust_runs_distributed_and_is_steered_in_its_web_page(project):
    said = project.compose("run", "--rm", "-T", "user_faker", "--users", "100")
    first = said.partition("(user")[2].partition(" ")[0]
    up = ("--profile", "load", "up", "--detach", "--no-build", "--no-deps", "--scale", "locust_worker=2")
    project.compose(*up, "locust", "locust_worker")
    page = f"http://127.0.0.1:{project.ports['LOCUST_PORT']}"

    def state() -> dict[str, Any]:
        return dict(httpx.get(f"{page}/stats/requests").json())

    until(lambda: len(state().get("workers", [])) == 2, 180, "two workers")
    form = {"user_count": "20", "spawn_rate": "20", "first_user": first}
    assert httpx.post(f"{page}/swarm", data=form).json()["success"]

    def entry(name: str) -> int:
        return sum(
            one["num_requests"] - one["num_failures"] for one in state()["stats"] if one["name"] == name
        )

    until(lambda: entry("send") >= 20 and entry("deliver") >= 5, 180, "messages that arrive")
    assert httpx.post(f"{page}/stop").json()["success"]
    project.compose("rm", "--stop", "--force", "locust", "locust_worker")
