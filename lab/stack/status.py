"""What runs where: each program's state, health and effective settings, as asked of itself."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from lab.errors import NotRunning
from lab.stack import compose
from lab.stack.description import Process, StackDescription
from lab.stack.supervision import Supervision

LINK_SECONDS = 30.0


@dataclass(frozen=True)
class Status:
    """One process. `health` is ok, degraded, or what went wrong; `report` is its /health answer."""

    name: str
    kind: str
    state: str
    pid: int | None
    up_seconds: int
    where: str
    health: str
    report: dict[str, Any]

    @property
    def links(self) -> dict[str, str]:
        return dict(self.report.get("links", {}))

    @property
    def effective(self) -> dict[str, Any]:
        return dict(self.report.get("effective", {}))


def ask_health(url: str) -> dict[str, Any]:
    """The /health answer of a service; {"status": reason} when there is none."""
    try:
        answer = httpx.get(url, timeout=5.0).json()
    except (httpx.HTTPError, ValueError) as error:
        return {"status": f"no answer ({type(error).__name__})"}
    return dict(answer) if isinstance(answer, dict) else {"status": "not understood"}


def statuses(description: StackDescription) -> list[Status]:
    """All processes of a stack, in the order of its description. Raises NotRunning."""
    try:
        told = (
            compose.states(description)
            if description.mode == compose.MODE
            else Supervision(description.home).states()
        )
        states = {state["name"]: state for state in told}
    except NotRunning:
        raise NotRunning(
            f"the supervisor of {description.home} is gone and its processes with it; "
            f"clear up: lab down --home {description.home}"
        ) from None
    return [
        _status(process, states.get(process.name, {}), address(process, description))
        for process in description.processes
    ]


def linked_statuses(description: StackDescription) -> list[Status]:
    """The same once no process misses a link: one without its broker cannot say which it uses.

    After LINK_SECONDS as it is.
    """
    deadline = time.monotonic() + LINK_SECONDS
    while True:
        found = statuses(description)
        if time.monotonic() > deadline or not any("down" in one.links.values() for one in found):
            return found
        time.sleep(0.1)


def address(process: Process, description: StackDescription) -> str:
    """host:port, '' where stack.json does not say."""
    if process.health:
        return process.health.removeprefix("http://").partition("/")[0]
    if process.name == "postgres":
        return f"{description.postgres.host}:{description.postgres.port}"
    if process.kind == "haproxy" and description.haproxy:
        return str(description.haproxy["url"]).partition("://")[2]
    return ""


def _status(process: Process, state: Mapping[str, Any], where: str) -> Status:
    running = state.get("statename") in ("STARTING", "RUNNING")
    report = ask_health(process.health) if process.health and running else {}
    return Status(
        name=process.name,
        kind=process.kind,
        state=str(state.get("statename", "GONE")).lower(),
        pid=state.get("pid") or None,
        up_seconds=state["now"] - state["start"] if running else 0,
        where=where,
        health=str(report.get("status", "ok" if running else "down")),
        report=report,
    )
