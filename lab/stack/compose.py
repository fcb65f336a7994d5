"""The stack under docker compose, described as any other: `lab status`, `lab load` and the rest work on it.

Containers are asked for their addresses on the compose network, which a Linux host reaches directly; the
load itself goes through the published port of HAProxy. Which file it is says COMPOSE_FILE, as for docker
itself; the default is docker-compose.yml.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from lab.errors import NotRunning, StackError, UsageError
from lab.stack.description import Database, Kind, Process, StackDescription

ROOT = Path(__file__).parents[2]
MODE = "docker"
KINDS: Mapping[str, Kind] = {
    "backend": "backend",
    "websocket": "websocket",
    "postgres": "postgres",
    "coordinator": "postgres",
    "worker": "postgres",
    "replica-1": "postgres",
    "replica-2": "postgres",
    "rabbit": "rabbitmq",
    "rabbit-slave": "rabbitmq",
    "rmq-slave-1": "rabbitmq",
    "haproxy": "haproxy",
}
PORTS = {"backend": 8000, "websocket": 8100}
SCALED = {"backend", "websocket", "worker"}
AMQP_PORT = 5672
UP_SECONDS = 600


@dataclass(frozen=True)
class Container:
    """One container as the engine sees it now."""

    id: str
    name: str  # without the project: backend-1
    service: str
    state: str
    healthy: bool  # running, and its health check, where it has one, agrees
    pid: int
    address: str
    started: datetime | None
    published: Mapping[int, int]  # port in the container: port on this host

    @property
    def health(self) -> str | None:
        port = PORTS.get(self.service)
        return f"http://{self.address}:{port}/health" if port else None


def chosen_file() -> Path:
    """The compose file that COMPOSE_FILE names, or the usual one."""
    return Path(os.environ.get("COMPOSE_FILE") or ROOT / "docker-compose.yml").resolve()


def compose(file: Path, *words: str, timeout: float = 120) -> str:
    """What `docker compose` answers. Raises UsageError without docker, StackError when it fails."""
    if not file.is_file():
        raise UsageError(f"no compose file {file}")
    return docker("compose", "--file", str(file), *words, folder=file.parent, timeout=timeout)


def docker(*words: str, folder: Path = ROOT, timeout: float = 60) -> str:
    """What a docker command answers. Raises UsageError without docker, StackError when it fails."""
    if shutil.which("docker") is None:
        raise UsageError("docker is missing: https://docs.docker.com/engine/install/")
    command = ["docker", *words]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{' '.join(command[:4])} ...: no answer within {timeout:g} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no words").splitlines()[-1]
        raise StackError(f"docker: {last}", done.stderr)
    return done.stdout


def containers(file: Path) -> list[Container]:
    """Those of the compose project, by name, stopped ones too. Raises NotRunning when there are none."""
    ids = compose(file, "ps", "--quiet", "--all").split()
    if not ids:
        raise NotRunning(f"no container of {file.name} runs; start them: docker compose -f {file.name} up")
    found = [_container(raw) for raw in json.loads(docker("inspect", *ids))]
    return sorted((each for each in found if each.service in KINDS), key=lambda each: each.name)


def _container(raw: Mapping[str, Any]) -> Container:
    labels = raw["Config"]["Labels"]
    service = labels["com.docker.compose.service"]
    ports = raw["HostConfig"]["PortBindings"] or {}  # those that it has, or had before it stopped
    published = {int(key.split("/")[0]): int(hosts[0]["HostPort"]) for key, hosts in ports.items() if hosts}
    networks = list(raw["NetworkSettings"]["Networks"].values())
    state = raw["State"]
    number = labels["com.docker.compose.container-number"]
    return Container(
        id=raw["Id"],
        name=f"{service}-{number}" if service in SCALED else service,
        service=service,
        state=state["Status"],
        healthy=state["Status"] == "running"
        and state.get("Health", {}).get("Status", "healthy") == "healthy",
        pid=_inner(state["Pid"]),
        address=networks[0]["IPAddress"] if networks else "",
        started=datetime.fromisoformat(state["StartedAt"][:19] + "+00:00") if state["Running"] else None,
        published=published,
    )


def _inner(pid: int) -> int:
    """The service itself where the engine put an init in front of it."""
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() not in ("docker-init", "tini"):
            return pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return pid
    return int(children[0]) if children else pid


def describe(home: Path, file: Path) -> StackDescription:
    """The containers of a compose file as a stack. Raises NotRunning."""
    found = containers(file)
    by_service = {each.service: each for each in found}
    for needed in ("haproxy", "backend", "websocket"):
        if needed not in by_service:
            raise NotRunning(f"no {needed} of {file.name} runs; start it: docker compose -f {file.name} up")
    database = by_service.get("postgres") or by_service["coordinator"]
    settings = {name: value or "" for name, value in dotenv_values(file.parent / ".env").items()}
    port = by_service["haproxy"].published[8000]
    running = [each for each in found if each.state == "running"]
    nodes = [each.address for each in running if KINDS[each.service] == "rabbitmq"]
    primary = Database(
        "127.0.0.1",
        database.published[5432],
        settings["POSTGRES_USER"],
        settings["POSTGRES_PASSWORD"],
        settings["POSTGRES_DB"],
    )
    return StackDescription(
        mode=MODE,
        home=home,
        api=[f"http://{each.address}:8000" for each in running if each.service == "backend"],
        websockets=[f"ws://{each.address}:8100/ws" for each in running if each.service == "websocket"],
        postgres=primary,
        secret=settings["SECRET"],
        processes=[Process(each.name, KINDS[each.service], each.pid, each.health) for each in found],
        rabbitmq={
            "host": ",".join(f"{address}:{AMQP_PORT}" for address in nodes),
            "port": AMQP_PORT,
            "user": settings["RABBITMQ_USER"],
            "password": settings["RABBITMQ_PASSWORD"],
        }
        if nodes
        else None,
        haproxy={
            "url": f"http://127.0.0.1:{port}",
            "websocket": f"ws://127.0.0.1:{port}/ws",
            "stats": f"http://127.0.0.1:{by_service['haproxy'].published[8404]}/",
            "transport": "tcp",
            "balance": settings.get("BALANCE", "partition"),
            "compose_file": str(file),
        },
        replicas=[
            replace(primary, host=each.address, port=5432)
            for each in running
            if each.service.startswith("replica-")
        ],
    )


def file_of(description: StackDescription) -> Path:
    """The compose file that a description was made from."""
    return Path((description.haproxy or {}).get("compose_file") or chosen_file())


def up(home: Path, api: int, websockets: int) -> StackDescription:
    """`docker compose up` with so many instances, until all are well; the description is saved in `home`."""
    file = chosen_file()
    scale = ["--scale", f"backend={api}", "--scale", f"websocket={websockets}"]
    compose(file, "up", "--detach", "--wait", *scale, timeout=UP_SECONDS)
    home.mkdir(parents=True, exist_ok=True)
    description = describe(home, file)
    description.save()
    return description


def down(description: StackDescription) -> None:
    """`docker compose down`; the data stays in its volumes."""
    compose(file_of(description), "down", timeout=UP_SECONDS)


def states(description: StackDescription) -> list[dict[str, Any]]:
    """As the supervisor of a host run tells it: name, statename, pid, start, now."""
    now = int(datetime.now().timestamp())
    return [
        {
            "name": each.name,
            "statename": each.state.upper(),
            "pid": each.pid,
            "start": int(each.started.timestamp()) if each.started else now,
            "now": now,
        }
        for each in containers(file_of(description))
    ]


def live_pids(description: StackDescription) -> dict[str, int]:
    """Name -> pid on this host of every container that runs now."""
    return {each.name: each.pid for each in containers(file_of(description)) if each.pid}
