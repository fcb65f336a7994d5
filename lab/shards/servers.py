"""Worker servers of a stack on this host: one more, one less, one that crashes and comes back."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from lab.errors import NotRunning, StackError, UsageError
from lab.stack import citus, postgres
from lab.stack.description import StackDescription
from lab.stack.ports import free_ports
from lab.stack.program import Program, always_well, http_ready
from lab.stack.promotion import kill
from lab.stack.supervision import Supervision, Tell


def start_worker(stack: StackDescription, tell: Tell) -> tuple[str, int]:
    """One more PostgreSQL with the extension, under the stack's supervisor. Returns host and port."""
    if stack.mode != "citus":
        raise UsageError(f"the stack runs in mode {stack.mode}: a worker belongs to lab up --mode citus")
    binaries = citus.find()
    if binaries is None:
        raise StackError(citus.MISSING)
    supervision = Supervision(stack.home)
    folder = stack.home / "postgres"
    taken = [
        int(match[1]) for name in folder.iterdir() if (match := re.fullmatch(r"worker-(\d+)", name.name))
    ]
    name = f"worker-{max(taken, default=0) + 1}"
    (port,) = free_ports(1)
    program, database = citus.plan_node(folder / name, name, port, stack.postgres.password, binaries)
    supervision.add([program], tell)
    reason = citus.prepare(database)
    if reason is not None:
        raise StackError(f"{name} does not serve Citus: {reason}", supervision.log_tail(name))
    return database.host, port


def stop_worker(stack: StackDescription, port: int, tell: Tell) -> bool:
    """Stop the worker server on `port` and remove it from the supervisor; its data folder stays.

    Returns whether it did: not with a server of somebody else, nor where docker compose and no supervisor
    runs them.
    """
    supervision = Supervision(stack.home)
    with suppress(UsageError, NotRunning):
        name = _name(supervision, port)
        supervision.remove(name)
        tell(f"{name} is stopped; its data folder stays until lab down")
        return True
    return False


def kill_worker(stack: StackDescription, port: int) -> None:
    """End the worker server on `port` at once, as a crash would."""
    supervision = Supervision(stack.home)
    kill(supervision, _name(supervision, port))


def revive_worker(stack: StackDescription, port: int) -> None:
    """Start it again, and return when it answers."""
    supervision = Supervision(stack.home)
    database = replace(stack.postgres, port=port)
    program = Program(_name(supervision, port), "postgres", [], check=lambda: postgres.ready(database))
    supervision.start_programs([program], lambda line: None)


@contextmanager
def without_services(stack: StackDescription, tell: Tell) -> Iterator[None]:
    """API processes and websocket services of this host's stack stopped within the block, then up again."""
    supervision = Supervision(stack.home)
    services = [process for process in stack.processes if process.kind in ("backend", "websocket")]
    for service in services:
        supervision.stop_program(service.name)
    tell("the services are stopped meanwhile")
    try:
        yield
    finally:
        checks = [
            http_ready(one.health.removesuffix("/health")) if one.health else always_well for one in services
        ]
        again = [
            Program(one.name, one.kind, [], check=check) for one, check in zip(services, checks, strict=True)
        ]
        supervision.start_programs(again, tell)


def _name(supervision: Supervision, port: int) -> str:
    for state in supervision.states():
        name = str(state["name"])
        spec = json.loads((supervision.home / "programs" / f"{name}.json").read_text())
        if f"port={port}" in spec["command"] and re.fullmatch(r"worker-\d+", name):
            return name
    raise UsageError(f"no worker of the stack in {supervision.home} listens on port {port}")
