"""The stack under docker compose, described as any other: `lab status`, `lab load` and the rest work on it.

Containers are asked for their addresses on the compose network, which a Linux host reaches directly; the
load itself goes through the published port of HAProxy.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from lab.errors import NotRunning, StackError, UsageError
from lab.stack.description import Database, Kind, Process, StackDescription

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
MODE = "docker"
KINDS: Mapping[str, Kind] = {
    "backend": "backend",
    "websocket": "websocket",
    "postgres": "postgres",
    "coordinator": "postgres",
    "worker": "postgres",
    "rabbit": "rabbitmq",
    "rabbit-slave": "rabbitmq",
    "rmq-slave-1": "rabbitmq",
    "haproxy": "haproxy",
}
PORTS = {"backend": 8000, "websocket": 8100}
UP_SECONDS = 600


@dataclass(frozen=True)
class Container:
    """One container as the engine sees it now."""

    name: str  # without the project: backend-1
    service: str
    state: str
    pid: int
    address: str
    started: datetime | None
    published: Mapping[int, int]  # port in the container: port on this host

    @property
    def health(self) -> str | None:
        port = PORTS.get(self.service)
        return f"http://{self.address}:{port}/health" if port else None


def compose(file: Path, *words: str, timeout: float = 120) -> str:
    """What `docker compose` answers. Raises UsageError without docker, StackError when it fails."""
    if shutil.which("docker") is None:
        raise UsageError("docker is missing: https://docs.docker.com/engine/install/")
    return _run(["docker", "compose", "--file", str(file), *words], timeout)


def _run(command: Sequence[str], timeout: float) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no words").splitlines()[-1]
        raise StackError(f"docker: {last}", done.stderr)
    return done.stdout


def containers(file: Path = FILE) -> list[Container]:
    """Those of the compose project that run, by name. Raises NotRunning when there are none."""
    ids = compose(file, "ps", "--quiet", "--all").split()
    if not ids:
        raise NotRunning(f"no container of {file.name} runs; start them: docker compose -f {file.name} up")
    found = [_container(raw) for raw in json.loads(_run(["docker", "inspect", *ids], 30))]
    return sorted((each for each in found if each.service in KINDS), key=lambda each: each.name)


def _container(raw: Mapping[str, Any]) -> Container:
    labels = raw["Config"]["Labels"]
    service = labels["com.docker.compose.service"]
    ports = raw["NetworkSettings"]["Ports"] or {}
    published = {int(key.split("/")[0]): int(hosts[0]["HostPort"]) for key, hosts in ports.items() if hosts}
    networks = list(raw["NetworkSettings"]["Networks"].values())
    state = raw["State"]
    single = service in ("postgres", "haproxy", "rabbit", "rabbit-slave", "rmq-slave-1", "coordinator")
    return Container(
        name=service if single else f"{service}-{labels['com.docker.compose.container-number']}",
        service=service,
        state=state["Status"],
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


def describe(home: Path, file: Path = FILE) -> StackDescription:
    """The running containers of a compose file as a stack. Raises NotRunning."""
    found = [each for each in containers(file) if each.state == "running"]
    by_service = {each.service: each for each in found}
    for needed in ("haproxy", "backend", "websocket"):
        if needed not in by_service:
            raise NotRunning(f"no {needed} of {file.name} runs; start it: docker compose -f {file.name} up")
    database = by_service.get("postgres") or by_service["coordinator"]
    settings = {name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}
    port = by_service["haproxy"].published[8000]
    return StackDescription(
        mode=MODE,
        home=home,
        api=[f"http://{each.address}:8000" for each in found if each.service == "backend"],
        websockets=[f"ws://{each.address}:8100/ws" for each in found if each.service == "websocket"],
        postgres=Database(
            "127.0.0.1",
            database.published[5432],
            settings["POSTGRES_USER"],
            settings["POSTGRES_PASSWORD"],
            settings["POSTGRES_DB"],
        ),
        secret=settings["SECRET"],
        processes=[Process(each.name, KINDS[each.service], each.pid, each.health) for each in found],
        haproxy={
            "url": f"http://127.0.0.1:{port}",
            "websocket": f"ws://127.0.0.1:{port}/ws",
            "stats": f"http://127.0.0.1:{by_service['haproxy'].published[8404]}/",
            "transport": "tcp",
            "balance": settings.get("BALANCE", "user"),
            "compose_file": str(file),
        },
    )


def file_of(description: StackDescription) -> Path:
    """The compose file that a description was made from."""
    return Path((description.haproxy or {}).get("compose_file", FILE))


def up(home: Path, api: int, websockets: int, file: Path = FILE) -> StackDescription:
    """`docker compose up` with so many instances, until all are well; the description is saved in `home`."""
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
