"""HAProxy on a host: haproxy/haproxy.cfg with a `server` line a process, its program, its runtime API.

The file in the run folder is the truth; what is changed while HAProxy runs is changed there too, so
that a reload or a restart after a crash finds the same servers.
"""

import os
import re
import resource
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import StackError, UsageError
from lab.stack.doctor import which
from lab.stack.ports import free_ports
from lab.stack.program import Program, http_ready

SHARED = Path(__file__).parents[2] / "haproxy" / "haproxy.cfg"
MISSING = "haproxy is missing: apt-get install haproxy"
ADMIN_SOCKET = "admin.sock"
MASTER_SOCKET = "master.sock"
CERTIFICATE = "tls.pem"
SECTIONS = {"backend": "api_servers", "websocket": "websocket_servers"}  # kind of process: section
TRANSPORTS = ("tcp", "unix")
# BALANCE: what HAProxy says of the section that follows it.
ALGORITHMS = {
    "partition": "hash",
    "user": "url_param",
    "leastconn": "leastconn",
    "roundrobin": "roundrobin",
}
BALANCES = tuple(ALGORITHMS)
SLOT = re.compile(r"^    server-template \S+- .*\n", re.MULTILINE)
# A server that is added while HAProxy runs does not take over the section's default-server (2.6 to 3.0).
CHECKED = "check inter 500ms fastinter 200ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"
CHANGE_SECONDS = 30.0
MAX_CONNECTIONS = 20_000


@dataclass(frozen=True)
class Server:
    """One process as HAProxy sees it; the name is the process's."""

    name: str
    address: str

    @property
    def section(self) -> str:
        return SECTIONS[self.name.partition("-")[0]]


def server(kind: str, number: int, port: int, transport: str = "tcp") -> Server:
    """How HAProxy reaches `kind`-`number`: by its port, or by its unix socket in HAProxy's folder."""
    name = f"{kind}-{number}"
    return Server(name, f"unix@{name}.sock" if transport == "unix" else f"127.0.0.1:{port}")


def configuration(servers: Sequence[Server]) -> str:
    """The shared file for these servers: a line each where compose has a template and a name server."""
    head, *sections = re.split(r"(?m)^(?=backend |frontend |resolvers )", SHARED.read_text())
    kept = [section for section in sections if not section.startswith("resolvers ")]
    for number, section in enumerate(kept):
        lines = "".join(
            f"    server {each.name} {each.address}\n"
            for each in servers
            if section.startswith(f"backend {each.section}\n")
        )
        kept[number] = SLOT.sub(lines, section)
    return head + "".join(kept)


@dataclass(frozen=True)
class Door:
    """Where HAProxy listens; None: any free port. With `tls` also on a port that speaks it."""

    port: int | None = None
    stats_port: int | None = None
    tls: bool = False
    tls_port: int | None = None


def plan_haproxy(
    home: Path,
    api_ports: Sequence[int],
    websocket_ports: Sequence[int],
    levers: Mapping[str, str] | None = None,
    door: Door = Door(),
) -> tuple[list[Program], dict[str, Any]]:
    """HAProxy in front of these, and its part of stack.json. Of the levers it takes APP_TRANSPORT, BALANCE.

    Raises UsageError where HAProxy or openssl is missing or a lever has no such value.
    """
    binary = which("haproxy")
    if binary is None:
        raise UsageError(MISSING)
    transport = _choice(levers or {}, "APP_TRANSPORT", TRANSPORTS)
    balance = _choice(levers or {}, "BALANCE", BALANCES)
    folder = home / "haproxy"
    folder.mkdir(parents=True, mode=0o700)
    servers = [server("backend", n, port, transport) for n, port in enumerate(api_ports, 1)]
    servers += [server("websocket", n, port, transport) for n, port in enumerate(websocket_ports, 1)]
    file = folder / "haproxy.cfg"
    file.write_text(configuration(servers))
    free, free_stats, free_tls = free_ports(3)
    port, stats_port = door.port or free, door.stats_port or free_stats
    plain = f"http://127.0.0.1:{port}"
    described: dict[str, Any] = {"url": plain, "websocket": f"ws://127.0.0.1:{port}/ws"}
    secure = {}
    if door.tls:
        tls_port = door.tls_port or free_tls
        secure = {"TLS_CERTIFICATE": CERTIFICATE, "HAPROXY_TLS_PORT": str(tls_port)}
        described = {
            "url": f"https://127.0.0.1:{tls_port}",
            "websocket": f"wss://127.0.0.1:{tls_port}/ws",
            "certificate": str(make_certificate(folder / CERTIFICATE)),
        }
    program = Program(
        name="haproxy",
        kind="haproxy",
        command=[binary, "-W", "-S", f"unix@{MASTER_SOCKET}", "-db", "-f", file.name],
        environment={
            "HAPROXY_ADDRESS": "127.0.0.1",
            "HAPROXY_PORT": str(port),
            "HAPROXY_STATS_PORT": str(stats_port),
            "HAPROXY_SOCKET": f"unix@{ADMIN_SOCKET}",
            "BALANCE": balance,
            "MAX_CONNECTIONS": str(_affordable_connections()),
            **secure,
        },
        order=80,
        check=http_ready(plain),
        stop_seconds=10,
        folder=folder,
    )
    described |= {
        "stats": f"http://127.0.0.1:{stats_port}/",
        "metrics": f"http://127.0.0.1:{stats_port}/metrics",
        "folder": str(folder),
        "transport": transport,
        "balance": balance,
    }
    return [program], described


def make_certificate(file: Path) -> Path:
    """A self-signed one for this machine, with its key; an existing one is kept. Raises UsageError."""
    script = SHARED.with_name("make_certificate.sh")
    if which("openssl") is None:
        raise UsageError("openssl is missing: apt-get install openssl")
    done = subprocess.run(["bash", script, file], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise StackError(f"no certificate could be made: exit code {done.returncode}", done.stderr)
    return file


def _affordable_connections() -> int:
    """Two files a connection (client and server), and some for HAProxy itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, (hard - 200) // 2)


def _choice(levers: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    value = levers.get(name, choices[0])
    if value not in choices:
        raise UsageError(f"{name}='{value}': expected one of {', '.join(choices)}")
    return value


class Proxy:
    """A running HAProxy: asked and changed over its admin socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tell(self, command: str, listener: str = ADMIN_SOCKET) -> str:
        """One command of the runtime API and its answer. Raises StackError when nobody listens."""
        # Through the open folder: the kernel takes 108 bytes of path at most.
        try:
            opened = os.open(self.folder, os.O_PATH)
            try:
                with socket.socket(socket.AF_UNIX) as line:
                    line.settimeout(15)
                    line.connect(f"/proc/self/fd/{opened}/{listener}")
                    line.sendall(command.encode() + b"\n")
                    line.shutdown(socket.SHUT_WR)
                    answer = b"".join(iter(lambda: line.recv(65536), b""))
            finally:
                os.close(opened)
        except OSError as error:
            raise StackError(f"HAProxy does not answer in {self.folder}: {error}") from None
        return answer.decode().strip()

    def worker(self) -> int:
        """The process that serves now; a reload puts a new one in its place."""
        return int(re.findall(r"(?m)^Pid: (\d+)", self.tell("show info"))[0])

    def servers(self) -> dict[str, dict[str, str]]:
        """Server name: its row of `show stat` (status, scur = open connections, stot, ...)."""
        return {row["svname"]: row for row in self._rows() if row["type"] == "2"}

    def balance(self) -> str:
        """Which of BALANCES its websocket section really follows. Raises StackError for another algorithm."""
        section = SECTIONS["websocket"]
        used = next(row["algo"] for row in self._rows() if (row["pxname"], row["type"]) == (section, "1"))
        for name, algorithm in ALGORITHMS.items():
            if used == algorithm:
                return name
        raise StackError(f"HAProxy spreads websockets by '{used}': expected {', '.join(ALGORITHMS.values())}")

    def _rows(self) -> list[dict[str, str]]:
        head, *rows = self.tell("show stat").removeprefix("# ").splitlines()
        names = head.split(",")
        return [dict(zip(names, row.split(","), strict=False)) for row in rows]

    def add(self, *added: Server) -> None:
        """Let more servers in; each is live when its first check passes, and this returns when all are."""
        for each in added:
            where = f"{each.section}/{each.name}"
            self._expect(f"add server {where} {each.address} {CHECKED}", "New server registered")
            self._expect(f"enable health {where}", "")
            self._expect(f"set server {where} state ready", "")
            self._rewrite(f"backend {each.section}\n", f"    server {each.name} {each.address}\n")
        for each in added:
            self._wait(
                lambda name=each.name: self.servers().get(name, {}).get("status") == "UP",
                f"{each.name} is not up",
            )

    def drain(self, name: str) -> None:
        """No new requests or sockets for this server; what it has stays."""
        self._expect(f"set server {self._where(name)} state drain", "")

    def ready(self, name: str) -> None:
        """The contrary of drain."""
        self._expect(f"set server {self._where(name)} state ready", "")

    def remove(self, name: str) -> None:
        """Forget a server, if it is known; its process has been stopped before, so it has no connections."""
        file = self.folder / "haproxy.cfg"
        file.write_text(re.sub(rf"(?m)^    server {re.escape(name)} .*\n", "", file.read_text()))
        if name in self.servers():
            where = self._where(name)
            self._expect(f"set server {where} state maint", "")
            deadline = time.monotonic() + CHANGE_SECONDS
            while "Server deleted" not in (answer := self.tell(f"del server {where}")):
                if time.monotonic() > deadline:
                    raise StackError(f"HAProxy keeps {name}: {answer}")
                time.sleep(0.05)

    def reload(self) -> None:
        """Read the file again: a new worker takes over the listening sockets, the old one ends its own.

        Raises StackError when the file has a mistake; the old worker serves on. To the same effect:
        kill -USR2 to the master.
        """
        # A master that has just started does not listen yet; a signal would be lost on it.
        self._wait(lambda: self._answers("show proc", MASTER_SOCKET), "HAProxy's master does not answer")
        before = self.worker()
        answer = ""
        with suppress(StackError):  # 2.6 just closes the line; 3.0 tells how it went
            answer = self.tell("reload", MASTER_SOCKET)
        if "Success=0" in answer:
            raise StackError("HAProxy refuses the file", answer)
        self._wait(
            lambda: self._answers("show info", ADMIN_SOCKET) and self.worker() != before,
            "HAProxy did not take the new file (lab logs haproxy tells why)",
        )

    def _answers(self, command: str, listener: str) -> bool:
        try:
            return bool(self.tell(command, listener))
        except StackError:
            return False

    def _where(self, name: str) -> str:
        return f"{SECTIONS[name.partition('-')[0]]}/{name}"

    def _expect(self, command: str, words: str) -> None:
        answer = self.tell(command)
        if (words and words not in answer) or (not words and answer):
            raise StackError(f"HAProxy refused '{command}': {answer}")

    def _rewrite(self, section: str, line: str) -> None:
        file = self.folder / "haproxy.cfg"
        parts = re.split(r"(?m)^(?=backend |frontend )", file.read_text())
        changed = [
            part.rstrip("\n") + "\n" + line + "\n" if part.startswith(section) else part for part in parts
        ]
        file.write_text("".join(changed))

    def _wait(self, condition: Any, words: str) -> None:
        deadline = time.monotonic() + CHANGE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"{words} after {CHANGE_SECONDS:.0f} s")
            time.sleep(0.02)
