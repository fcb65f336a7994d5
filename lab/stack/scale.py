"""More or fewer API processes and websocket services behind the running proxy, without a dropped socket."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lab.errors import StackError, UsageError
from lab.stack import haproxy, services
from lab.stack.description import Process, StackDescription
from lab.stack.host import undisturbed
from lab.stack.ports import free_ports
from lab.stack.program import Program
from lab.stack.supervision import Supervision, Tell

LIMIT = 32
# What a process has for itself; everything else it shares with the first of its kind.
OWN = {
    "SERVICE_ID",
    "WS_ID",
    "BACKEND_HOST",
    "BACKEND_PORT",
    "BACKEND_SOCKET",
    "WS_HOST",
    "WS_PORT",
    "WS_SOCKET",
}


def scale(description: StackDescription, kind: str, count: int, tell: Tell) -> StackDescription:
    """Start or stop processes until `count` of this kind run; returns the new description (saved).

    Raises UsageError, StackError.
    """
    if kind not in haproxy.SECTIONS:
        raise UsageError(f"'{kind}': expected one of {', '.join(haproxy.SECTIONS)}")
    if not 1 <= count <= LIMIT:
        raise UsageError(f"{count} of {kind}: expected 1 to {LIMIT}")
    if description.haproxy is None or "folder" not in description.haproxy:
        raise UsageError(
            f"mode {description.mode} cannot be scaled while it runs: expected mode stack or citus"
        )
    present = [process for process in description.processes if process.kind == kind]
    if len(present) < count:
        return _add(description, present, count - len(present), tell)
    while len(present) > count:
        description = _remove(description, _highest(present), tell)
        present = [process for process in description.processes if process.kind == kind]
    return description


def _number(process: Process) -> int:
    return int(process.name.rpartition("-")[2])


def _highest(processes: list[Process]) -> Process:
    return max(processes, key=_number)


def _shared_environment(home: Path, name: str) -> Mapping[str, str]:
    spec = json.loads((home / "programs" / f"{name}.json").read_text())
    return {key: value for key, value in spec["environment"].items() if key not in OWN}


def _add(description: StackDescription, present: list[Process], more: int, tell: Tell) -> StackDescription:
    """Start `more` of these together: in turns each would wait for the start of the one before."""
    assert description.haproxy is not None
    begin = time.monotonic()
    kind, last = present[0].kind, _number(_highest(present))
    transport = description.haproxy["transport"]
    make = services.backend if kind == "backend" else services.websocket
    shared = _shared_environment(description.home, present[0].name)
    programs: list[Program] = []
    servers: list[haproxy.Server] = []
    for number, port in enumerate(free_ports(more), last + 1):
        program = make(number, port, shared)
        if transport == "unix":
            socket = {services.PROXIED[kind]: f"haproxy/{program.name}.sock"}
            program = replace(program, environment={**program.environment, **socket})
        programs.append(program)
        servers.append(haproxy.server(kind, number, port, transport))
    supervision = Supervision(description.home)
    proxy = haproxy.Proxy(Path(description.haproxy["folder"]))
    try:
        supervision.add(programs, tell)
        proxy.add(*servers)
    except BaseException:  # Ctrl-C as well: all of it, or nothing
        with undisturbed():
            for program in programs:
                with suppress(StackError):  # it had not come so far
                    proxy.drain(program.name)
                supervision.remove(program.name)
                with suppress(StackError):  # the proxy is away, and reads its file when it comes back
                    proxy.remove(program.name)
        raise
    names = ", ".join(program.name for program in programs)
    tell(f"{names}: live in HAProxy after {time.monotonic() - begin:.1f} s")
    pids = supervision.pids()
    added = [Process(each.name, each.kind, pids.get(each.name, 0), each.health) for each in programs]
    return _saved(description, [*description.processes, *added])


def _remove(description: StackDescription, process: Process, tell: Tell) -> StackDescription:
    assert description.haproxy is not None
    proxy = haproxy.Proxy(Path(description.haproxy["folder"]))
    proxy.drain(process.name)
    with undisturbed():  # from here on it leaves: an impatient Ctrl-C must not keep half of it
        Supervision(description.home).remove(process.name)
        proxy.remove(process.name)
    tell(f"{process.name} has left")
    return _saved(description, [each for each in description.processes if each.name != process.name])


def _saved(description: StackDescription, processes: list[Process]) -> StackDescription:
    def urls(kind: str) -> list[str]:
        found = [process.health or "" for process in processes if process.kind == kind]
        return [url.removesuffix("/health") for url in found]

    changed = replace(
        description,
        processes=processes,
        api=urls("backend"),
        websockets=[f"{url.replace('http', 'ws', 1)}/ws" for url in urls("websocket")],
    )
    changed.save()
    return changed
