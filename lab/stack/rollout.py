"""Replace the services of a running stack one by one, so that nobody notices: `lab rollout`.

Each process is taken out of the proxy, finishes what it has, is stopped (a websocket service says `bye`, and
its clients open their next socket before they close this one), started anew, and let in again once it is
ready. The first one that does not come back ends the rollout; the others run on as they were.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lab.errors import StackError, UsageError
from lab.stack import compose
from lab.stack.description import Process, StackDescription
from lab.stack.haproxy import Proxy
from lab.stack.host import restart
from lab.stack.supervision import Tell

KINDS = ("backend", "websocket")
IDLE_SECONDS = 5.0  # longest wait for requests under way; the service itself waits for them too
UP_SECONDS = 30.0  # HAProxy asks twice a second


@dataclass(frozen=True)
class Replaced:
    """One process of the rollout. Times are unix seconds."""

    name: str
    began: float
    ended: float


def candidates(description: StackDescription, kinds: Sequence[str] = KINDS) -> list[Process]:
    """The processes that a rollout replaces, in its order. Raises UsageError when there is none."""
    if description.mode == compose.MODE:
        raise UsageError(
            "lab rollout replaces processes of this host, not containers; "
            "those: docker compose up --detach --no-deps --force-recreate backend"
        )
    found = [process for kind in kinds for process in description.processes if process.kind == kind]
    if not found:
        raise UsageError(f"mode {description.mode} has no process to replace; expected mode stack or citus")
    return found


def noticed(description: StackDescription, kinds: Sequence[str] = KINDS) -> str | None:
    """Why clients will notice this rollout; None when they should not."""
    if not description.haproxy:
        return f"mode {description.mode} has no proxy: requests to a process fail while it restarts"
    for kind in kinds:
        if len([process for process in description.processes if process.kind == kind]) == 1:
            return f"there is only one {kind} process: nobody serves while it restarts"
    return None


def roll(
    description: StackDescription,
    kinds: Sequence[str] = KINDS,
    changes: Mapping[str, str | None] | None = None,
    tell: Tell = lambda line: None,
) -> list[Replaced]:
    """Replace the processes of these kinds, with changes to their environment if any. Raises StackError."""
    proxy = Proxy(description.home / "haproxy") if description.haproxy else None
    done = []
    for process in candidates(description, kinds):
        began = time.time()
        _replace(description, process, changes, proxy)
        done.append(Replaced(process.name, began, time.time()))
        tell(f"{process.name} replaced in {done[-1].ended - began:.1f} s")
    return done


def _replace(
    description: StackDescription,
    process: Process,
    changes: Mapping[str, str | None] | None,
    proxy: Proxy | None,
) -> None:
    if proxy:
        proxy.drain(process.name)
        if process.kind == "backend":  # a websocket stays until its service says `bye`
            _wait(lambda: _open(proxy, process.name) == 0, IDLE_SECONDS)
    try:
        restart(description, process.name, changes)
    except StackError as error:
        if proxy:  # its health check keeps it out while it is down; it must not stay out once it is back
            proxy.ready(process.name)
        raise StackError(f"the rollout ended at {process.name}: {error}", error.log) from None
    if proxy:
        proxy.ready(process.name)
        if not _wait(lambda: proxy.servers()[process.name]["status"] == "UP", UP_SECONDS):
            raise StackError(f"the rollout ended at {process.name}: HAProxy does not see it")


def _open(proxy: Proxy, name: str) -> int:
    return int(proxy.servers()[name]["scur"])


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(KeyError):
            if condition():
                return True
        time.sleep(0.05)
    return False
