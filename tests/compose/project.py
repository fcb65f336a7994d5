"""A compose project of a test's own: own name, own ports, own passwords, in a folder of its own."""

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lab.stack.ports import free_ports

ROOT = Path(__file__).parents[2]
PARTS = ("haproxy", "rabbitmq", "citus", "monitoring")
PORTS = (
    "HAPROXY_PORT",
    "HAPROXY_STATS_PORT",
    "POSTGRES_PORT",
    "RABBITMQ_MANAGEMENT_PORT",
    "RABBITMQ_SLAVE_MANAGEMENT_PORT",
    "PROMETHEUS_PORT",
)


def missing(*images: str) -> str | None:
    """Why compose tests cannot run here, or None."""
    if shutil.which("docker") is None:
        return "no docker"
    for command, words in (
        (["docker", "info"], "docker is installed but no engine answers"),
        (["docker", "compose", "version"], "docker has no compose plugin"),
        *((["docker", "image", "inspect", image], f"no image {image} (docker pull)") for image in images),
    ):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return words
    return None


class Project:
    """The files of the project in `folder`, to be started with `compose`."""

    def __init__(self, folder: Path, file: str = "docker-compose.yml") -> None:
        self.folder, self.file = folder, file
        self.name = f"lab-test-{secrets.token_hex(3)}"
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        for path in ROOT.glob("docker-compose*.yml"):
            shutil.copy(path, folder)
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("tls"))
        # What build.sh makes of example.env.
        text = (ROOT / "example.env").read_text()
        self.settings = self.ports | {"COMPOSE_PROJECT_NAME": self.name}
        for name, value in self.settings.items():
            text = re.sub(rf"(?m)^#?{name}=.*$", "", text) + f"\n{name}={value}"
        text = re.sub(r"(?m)=change-me$", lambda _: "=" + secrets.token_hex(24), text)
        (folder / ".env").write_text(text + "\n")
        self.env = dict(
            line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")
        )
        self.url = f"http://127.0.0.1:{self.ports['HAPROXY_PORT']}"

    def docker(self, *words: str, timeout: float = 120, check: bool = True) -> str:
        """A docker command's answer."""
        environment = {name: value for name, value in os.environ.items() if name not in self.env}
        done = subprocess.run(
            ["docker", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    def compose(self, *words: str, timeout: float = 300) -> str:
        return self.docker("compose", "-f", self.file, *words, timeout=timeout)

    def up(self, *words: str) -> None:
        self.compose("up", "--detach", "--no-build", "--wait", *words)

    def down(self) -> None:
        """End all of it, data included; what it said goes to the test's output when it had to be forced."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")

    def ids(self) -> set[str]:
        return set(self.compose("ps", "--quiet").split())

    def inspect(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *self.ids()))
        return found

    def servers(self) -> dict[str, str]:
        """Server: status, of the servers that HAProxy has an address for."""
        page = httpx.get(f"http://127.0.0.1:{self.ports['HAPROXY_STATS_PORT']}/;csv", timeout=5).text
        head, *rows = page.removeprefix("# ").splitlines()
        names = head.split(",")
        table = [dict(zip(names, row.split(","), strict=False)) for row in rows if row]
        servers = [row for row in table if row["type"] == "2"]
        return {row["svname"]: row["status"] for row in servers if not row["status"].startswith("MAINT")}

    def healthy(self) -> bool:
        return all(state["State"]["Health"]["Status"] == "healthy" for state in self.inspect())


def until(condition: Callable[[], object], seconds: float, words: str = "it") -> float:
    """Wait for it; how long it took."""
    begin = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - begin
        except httpx.HTTPError:
            pass
        assert time.monotonic() - begin < seconds, f"{words}: not within {seconds} s"
        time.sleep(0.1)


class Person:
    """Somebody who was registered through the proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        name = f"p{secrets.token_hex(6)}"
        words = {"username": name, "first_name": "A", "last_name": "B", "password": "correct horse"}
        with httpx.Client(base_url=f"{url}/api/v1", timeout=15) as client:
            answer = client.post("/users/register", json=words)
            assert answer.status_code == 201, answer.text
            self.id = answer.json()["id"]
            login = client.post("/login", data={"username": name, "password": "correct horse"})
            self.token = login.json()["access_token"]
        self.client = httpx.Client(
            base_url=f"{url}/api/v1", timeout=15, headers={"Authorization": f"Bearer {self.token}"}
        )

    def send(self, to: "Person", content: str) -> int:
        """The status of the answer."""
        return self.client.post(f"/dialog/{to.id}/create/", json={"content": content}).status_code

    def history(self, other: "Person") -> list[str]:
        return [item["content"] for item in self.client.get(f"/dialog/{other.id}/list/").json()["items"]]

    @contextmanager
    def listen(self) -> Iterator[ClientConnection]:
        """A socket that has been welcomed."""
        with connect(
            f"{self.url.replace('http', 'ws')}/ws?u={self.id}",
            subprotocols=[Subprotocol("dialog.v1.json")],
            open_timeout=15,
        ) as socket:
            hello = {"t": "hello", "token": self.token, "dev": secrets.token_hex(16), "resume": None}
            socket.send(json.dumps(hello))
            assert json.loads(socket.recv(15))["t"] == "welcome"
            yield socket


def heard(socket: ClientConnection, seconds: float = 15) -> str:
    """The content of the next message."""
    deadline = time.monotonic() + seconds
    while True:
        frame = json.loads(socket.recv(max(0.1, deadline - time.monotonic())))
        if frame["t"] == "batch":
            return str(frame["m"][0]["c"])
