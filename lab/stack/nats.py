"""A NATS server from the host's package, for BROKER=nats. Nothing is stored on disk."""

import shutil
import socket
from pathlib import Path
from typing import Any

from lab.errors import StackError
from lab.stack.ports import free_ports
from lab.stack.program import Program

MISSING = "nats-server is missing: apt-get install nats-server"


def program() -> str | None:
    """The path of nats-server, or None where it is not installed."""
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


def plan_nats(home: Path) -> tuple[list[Program], dict[str, Any]]:
    """The program and what stack.json says about it. Raises StackError where it is missing."""
    found = program()
    if found is None:
        raise StackError(MISSING)
    [port] = free_ports(1)
    server = Program(
        name="nats",
        kind="nats",
        command=[found, "--addr", "127.0.0.1", "--port", str(port)],
        order=20,
        check=lambda: _greets(port),
        stop_seconds=5,
    )
    return [server], {"url": f"nats://127.0.0.1:{port}", "port": port}


def _greets(port: int) -> str | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            return None if peer.recv(4) == b"INFO" else f"port {port}: not a NATS server"
    except OSError as error:
        return f"port {port}: {error}"
