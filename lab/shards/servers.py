"""Worker servers of a stack on this host: start one more, stop one that left the cluster."""

import json
import re

from lab.errors import StackError, UsageError
from lab.stack import citus
from lab.stack.description import StackDescription
from lab.stack.ports import free_ports
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
    supervision.add(program, tell)
    reason = citus.prepare(database)
    if reason is not None:
        raise StackError(f"{name} does not serve Citus: {reason}", supervision.log_tail(name))
    return database.host, port


def stop_worker(stack: StackDescription, port: int, tell: Tell) -> None:
    """Stop the worker server on `port` and remove it from the supervisor; its data folder stays."""
    supervision = Supervision(stack.home)
    for state in supervision.states():
        spec = json.loads((stack.home / "programs" / f"{state['name']}.json").read_text())
        if f"port={port}" in spec["command"] and re.fullmatch(r"worker-\d+", state["name"]):
            supervision.remove(state["name"])
            tell(f"{state['name']} is stopped; its data folder stays until lab down")
