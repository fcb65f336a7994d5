"""RabbitMQ from the host's package: one node, or three that form a cluster, in the run folder.

Nothing of the system's own RabbitMQ is touched: own ports, own epmd, own cookie, own data. The nodes
are named as under compose, but all on `localhost`: rabbit@localhost, rabbit-slave@localhost,
rmq-slave-1@localhost. The Erlang cookie and the password are made afresh for each run folder.
"""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lab.errors import StackError, UsageError
from lab.stack.ports import free_ports
from lab.stack.program import Program

CONFIGURATION = Path(__file__).parents[2] / "rabbitmq"
NODE_NAMES = ("rabbit", "rabbit-slave", "rmq-slave-1")
USER = "lab"
# The package's wrapper in /usr/sbin insists on the system's user and folders; the script behind it does not.
SCRIPT_FOLDERS = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/rabbitmq/sbin"))
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
MISSING = "rabbitmq-server is missing: apt-get install rabbitmq-server"


def scripts() -> Path | None:
    """The folder with rabbitmq-server and rabbitmqctl, or None where RabbitMQ is not installed."""
    found = shutil.which("rabbitmq-server")
    behind = [Path(found).resolve().parent] if found else []
    for folder in (*SCRIPT_FOLDERS, *behind):
        if os.access(folder / "rabbitmq-server", os.X_OK) and shutil.which("epmd"):
            return folder
    return None


@dataclass(frozen=True)
class Node:
    """One node; its folder holds its configuration, data and cookie."""

    name: str
    folder: Path
    amqp_port: int
    distribution_port: int
    management_port: int
    prometheus_port: int

    @property
    def full_name(self) -> str:
        return f"{self.name}@localhost"


@dataclass(frozen=True)
class Cluster:
    """Nodes that share a cookie, an epmd and a user; they form a cluster when they start."""

    folder: Path
    scripts: Path
    epmd_port: int
    cookie: str
    user: str
    password: str
    nodes: Sequence[Node]

    def environment(self, node: Node) -> dict[str, str]:
        """What rabbitmq-server and rabbitmqctl of this node need."""
        return {
            "HOME": str(node.folder),  # .erlang.cookie: as a file, because arguments can be seen by everybody
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": node.full_name,
            "RABBITMQ_DIST_PORT": str(node.distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(node.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(node.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(node.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(node.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(node.folder / "data"),
            "RABBITMQ_LOG_BASE": str(node.folder / "log"),
            "RABBITMQ_PID_FILE": str(node.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node instead of watching over it
        }

    def write(self) -> None:
        """Make each node's folder."""
        for node in self.nodes:
            node.folder.mkdir(parents=True, mode=0o700)
            cookie = node.folder / ".erlang.cookie"
            cookie.touch(mode=0o600)
            cookie.write_text(self.cookie)
            cookie.chmod(0o400)
            (node.folder / "rabbitmq.conf").write_text(self._configuration(node))
            shutil.copy(CONFIGURATION / "enabled_plugins", node.folder / "enabled_plugins")

    def _configuration(self, node: Node) -> str:
        discovery = "cluster_formation.classic_config.nodes."
        shared = (CONFIGURATION / "rabbitmq.conf").read_text().splitlines()
        lines = [line for line in shared if not line.startswith(discovery)]
        lines += ["", "# --- The host run's own part"]
        lines += [f"{discovery}{number} = {other.full_name}" for number, other in enumerate(self.nodes, 1)]
        lines += [
            f"listeners.tcp.1 = 127.0.0.1:{node.amqp_port}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {node.management_port}",
            "prometheus.tcp.ip = 127.0.0.1",
            f"prometheus.tcp.port = {node.prometheus_port}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
        ]
        return "\n".join(lines) + "\n"

    def programs(self) -> list[Program]:
        """epmd, then the first node, then those that join it. Stopped the other way round, so that the
        first node stops last and may start first."""
        epmd = Program(
            name="epmd",
            kind="epmd",  # serves the nodes and is none
            command=["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"],
            order=19,
            check=lambda: greets(self.epmd_port, b""),
            stop_seconds=5,
            death_signal="SIGKILL",
        )
        return [epmd, *(self._program(node, 20 + (n > 0)) for n, node in enumerate(self.nodes))]

    def _program(self, node: Node, order: int) -> Program:
        return Program(
            name=node.name,
            kind="rabbitmq",
            command=[str(self.scripts / "rabbitmq-server")],
            environment=self.environment(node),
            order=order,
            check=lambda: greets(node.amqp_port, AMQP_GREETING),
            start_seconds=180,
            folder=node.folder,
        )

    def ctl(self, node: Node, *arguments: str, timeout: float = 60) -> str:
        """What `rabbitmqctl` of this node answers. Raises StackError when it fails."""
        done = subprocess.run(
            [self.scripts / "rabbitmqctl", "--quiet", *arguments],
            env={"PATH": os.environ["PATH"], **self.environment(node)},
            cwd=node.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise StackError(
                f"rabbitmqctl {' '.join(arguments)}: exit code {done.returncode}", done.stdout + done.stderr
            )
        return done.stdout

    def description(self) -> dict[str, Any]:
        """This cluster's part of stack.json."""
        return {
            "host": ",".join(f"127.0.0.1:{node.amqp_port}" for node in self.nodes),
            "port": self.nodes[0].amqp_port,
            "user": self.user,
            "password": self.password,
            "management": [f"http://127.0.0.1:{node.management_port}" for node in self.nodes],
            "prometheus": [f"http://127.0.0.1:{node.prometheus_port}/metrics" for node in self.nodes],
            "nodes": [node.full_name for node in self.nodes],
            "folder": str(self.folder),
            "epmd_port": self.epmd_port,
        }


def running_nodes(described: Mapping[str, Any]) -> int:
    """How many nodes the first one of a cluster sees running. Raises StackError when it does not say."""
    url = f"{described['management'][0]}/api/nodes"
    try:
        answer = httpx.get(
            url, params={"columns": "running"}, auth=(described["user"], described["password"]), timeout=10
        )
        return sum(node["running"] for node in answer.raise_for_status().json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"RabbitMQ does not say at {url} which nodes run: {error or type(error).__name__}"
        ) from None


def greets(port: int, greeting: bytes) -> str | None:
    """None when something on this port takes our greeting and answers it, else what is missing."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(greeting)
            if not greeting or peer.recv(1):
                return None
            return f"port {port} closed the connection"
    except OSError as error:
        return f"port {port}: {error}"


def new_cluster(folder: Path, count: int) -> Cluster:
    """Choose ports, cookie and password for 1 to 3 nodes. Raises StackError where RabbitMQ is missing."""
    if not 1 <= count <= len(NODE_NAMES):
        raise UsageError(f"{count} RabbitMQ nodes: expected 1 to {len(NODE_NAMES)}")
    found = scripts()
    if found is None:
        raise StackError(MISSING)
    epmd_port, *ports = free_ports(1 + 4 * count)
    nodes = [
        Node(name, folder / name, *ports[4 * number : 4 * number + 4])
        for number, name in enumerate(NODE_NAMES[:count])
    ]
    return Cluster(folder, found, epmd_port, secrets.token_hex(16), USER, secrets.token_hex(16), nodes)


def plan_rabbitmq(home: Path, count: int) -> tuple[list[Program], dict[str, Any]]:
    """The nodes' folders are made; returns the programs and what stack.json says about them."""
    cluster = new_cluster(home / "rabbitmq", count)
    cluster.write()
    return cluster.programs(), cluster.description()
