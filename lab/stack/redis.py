"""A Redis server from the host's package, for BROKER=redis. Nothing is stored on disk."""

import shutil
import socket
from pathlib import Path
from typing import Any

from lab.errors import StackError
from lab.stack.ports import free_ports
from lab.stack.program import Program

MISSING = "redis-server is missing: apt-get install redis-server"


def program() -> str | None:
    """The path of redis-server or valkey-server, or None where neither is installed."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def plan_redis(home: Path) -> tuple[list[Program], dict[str, Any]]:
    """The program and what stack.json says about it. Raises StackError where it is missing."""
    found = program()
    if found is None:
        raise StackError(MISSING)
    [port] = free_ports(1)
    options = {"bind": "127.0.0.1", "port": str(port), "save": "", "appendonly": "no", "dir": str(home)}
    server = Program(
        name="redis",
        kind="redis",
        command=[found, *(word for name, value in options.items() for word in (f"--{name}", value))],
        order=20,
        check=lambda: _answers(port),
        stop_seconds=5,
    )
    return [server], {"url": f"redis://127.0.0.1:{port}/0", "port": port}


def _answers(port: int) -> str | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(b"PING\r\n")
            answer = peer.recv(5)
            return None if answer == b"+PONG" else f"port {port}: answered {answer!r}"
    except OSError as error:
        return f"port {port}: {error}"
