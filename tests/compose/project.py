"""A compose project of a test's own: a clean copy of the files, with own name, ports and passwords."""

import functools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from lab.stack.ports import free_ports
from tests.compose.watch import Took

ROOT = Path(__file__).parents[2]
# What a clone has not.
NOT_CLONED = (".git", ".venv", ".lab", ".env", ".*_cache", "__pycache__", ".hypothesis", "*.egg-info", "tls")
PORTS = (
    "HAPROXY_PORT",
    "HAPROXY_TLS_PORT",
    "HAPROXY_STATS_PORT",
    "POSTGRES_PORT",
    "RABBITMQ_MANAGEMENT_PORT",
    "RABBITMQ_SLAVE_MANAGEMENT_PORT",
    "PROMETHEUS_PORT",
    "GRAFANA_PORT",
    "LOCUST_PORT",
)


@functools.cache
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
    """The files of the project in `folder`, to be started with `compose`. `settings` go into its .env."""

    took: Took  # from the start of `up` to the first answer of /docs

    def __init__(self, folder: Path, file: str = "docker-compose.yml", **settings: str) -> None:
        self.folder, self.file = folder / "clone", file
        self.name = f"lab-test-{secrets.token_hex(3)}"
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self.settings = {"COMPOSE_PROJECT_NAME": self.name, **self.ports, **settings}
        self.env: dict[str, str] = {}
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*NOT_CLONED))
        self.url = f"http://127.0.0.1:{self.ports['HAPROXY_PORT']}"

    def build(self) -> str:
        """What build.sh does for compose after a clone; then ports and a name of our own. What it said."""
        said = self.run("bash", "build.sh", "--images", timeout=900)
        self.configure(**self.settings)
        return said

    def configure(self, **settings: str) -> None:
        """Change settings in .env; `up` brings them into effect."""
        text = (self.folder / ".env").read_text()
        for name, value in settings.items():
            text = re.sub(rf"(?m)^#?{name}=.*\n", "", text) + f"{name}={value}\n"
        (self.folder / ".env").write_text(text)
        lines = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]
        self.env = dict(lines)

    def run(self, *words: str, timeout: float, check: bool = True) -> str:
        """What a command says in the folder of the project, with nothing of our own settings."""
        names = {*self.env, *self.settings, "COMPOSE_FILE", "COMPOSE_PROFILES"}
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name not in names},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    def lab(self, *words: str, timeout: float = 120) -> str:
        """What `lab` of this copy answers about this compose file."""
        file = f"COMPOSE_FILE={self.folder / self.file}"
        return self.run("env", file, sys.executable, "-m", "lab.cli", *words, timeout=timeout)

    def docker(self, *words: str, timeout: float = 120) -> str:
        return self.run("docker", *words, timeout=timeout)

    def compose(self, *words: str, timeout: float = 300) -> str:
        return self.docker("compose", "-f", self.file, *words, timeout=timeout)

    def up(self, *words: str) -> None:
        self.compose("up", "--detach", "--no-build", "--wait", *words)

    def scale(self, **counts: int) -> None:
        """As the documentation says it; returns when the containers were started or stopped."""
        words = [word for name, count in counts.items() for word in ("--scale", f"{name}={count}")]
        self.compose("up", "--detach", "--no-build", "--no-recreate", *words)

    def down(self) -> None:
        """End all of it, data included; what it said goes to the test's output when it had to be forced."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")

    def answers(self, path: str) -> bool:
        return httpx.get(self.url + path, timeout=15).status_code == 200

    def ids(self) -> set[str]:
        return set(self.compose("ps", "--quiet").split())

    def inspect(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *self.ids()))
        return found

    def servers(self) -> dict[str, str]:
        """Server: status, of the servers that HAProxy has an address for."""
        rows = self._proxy_rows()
        return {row["svname"]: row["status"] for row in rows if not row["status"].startswith("MAINT")}

    def sockets(self) -> int:
        """Websockets that are open at the proxy."""
        return sum(int(row["scur"]) for row in self._proxy_rows() if row["pxname"] == "websocket_servers")

    def _proxy_rows(self) -> list[dict[str, str]]:
        page = httpx.get(f"http://127.0.0.1:{self.ports['HAPROXY_STATS_PORT']}/;csv", timeout=15).text
        head, *rows = page.removeprefix("# ").splitlines()
        names = head.split(",")
        table = [dict(zip(names, row.split(","), strict=False)) for row in rows if row]
        return [row for row in table if row["type"] == "2"]

    def healthy(self) -> bool:
        """All of them run, and those with a health check are well."""
        states = [one["State"] for one in self.inspect()]
        well = [one.get("Health", {}).get("Status", "healthy") == "healthy" for one in states]
        return all(well) and all(one["Running"] for one in states)


def until(condition: Callable[[], object], seconds: float, words: str = "it") -> float:
    """Wait for it; how long it took."""
    begin = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - begin
        except (httpx.HTTPError, ValueError):  # no answer yet, or not yet a whole one
            pass
        assert time.monotonic() - begin < seconds, f"{words}: not within {seconds} s"
        time.sleep(0.1)
