"""A program: what the supervisor is told about one process of the stack."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lab.stack.description import Kind

# Asked again and again after the start: None when the program is well, else what is missing.
HealthCheck = Callable[[], str | None]


def always_well() -> str | None:
    """For programs whose being alive is all there is to know."""
    return None


@dataclass(frozen=True)
class Program:
    """One supervised process.

    Programs of one `order` start together, those of the next after the former are well; they stop in
    the opposite order. `death_signal` is sent by the kernel when the supervisor itself is killed.
    """

    name: str
    kind: Kind
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    order: int = 50  # postgres 10, rabbitmq 20, services 50, haproxy 80
    check: HealthCheck = always_well
    health: str | None = None  # URL for people and stack.json
    start_seconds: float = 150.0  # on a full machine the imports alone take ten, and many may start together
    stop_signal: str = "TERM"
    stop_seconds: int = 35  # a websocket service drains for up to 30 s
    death_signal: str = "SIGTERM"
    user: str | None = None  # run as this user (only when the lab runs as root)
    folder: Path | None = None  # working folder; default: the run folder


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project with this interpreter."""
    return [sys.executable, "-m", name, *arguments]


def workers_ready(url: str, workers: int) -> HealthCheck:
    """A check that passes when the service is ready with so many uvicorn workers."""
    ready = http_ready(url)

    def check() -> str | None:
        if reason := ready():
            return reason
        try:
            running = httpx.get(f"{url}/health", timeout=2.0).json()["effective"]["uvicorn_workers"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return f"{url}/health: {type(error).__name__}"
        return None if running == workers else f"{running} of {workers} workers run"

    return check


def http_ready(url: str, path: str = "/ready") -> HealthCheck:
    """A check that passes when the service answers 200 on `path`."""

    def check() -> str | None:
        try:
            answer = httpx.get(url.rstrip("/") + path, timeout=2.0)
        except httpx.HTTPError as error:
            return f"{url}{path}: {type(error).__name__}"
        return None if answer.status_code == 200 else f"{url}{path}: {answer.status_code} {answer.text[:200]}"

    return check
