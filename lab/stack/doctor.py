"""What this machine has and lacks for each run mode, with the command that mends it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.stack import citus, nats, postgres, rabbitmq, redis

SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where Debian keeps haproxy; often not in a user's PATH
OPEN_FILES_WANTED = 4096  # 5,000 sockets of a load want more; a demo is content with this
DISK_WANTED_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `mend` is the command that would help, '' when all is well or none would."""

    what: str
    found: str  # what was seen
    ok: bool
    mend: str = ""


def which(program: str) -> str | None:
    """Where a program is, the system folders included."""
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(SBIN))


def python_version() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("Python 3.11 to 3.13", seen, ok, "" if ok else "PYTHON=python3.12 bash build.sh")


def embedded_postgres() -> Finding:
    done = subprocess.run(
        [postgres.BINARIES / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    ok = done.returncode == 0
    return Finding(
        "embedded PostgreSQL", (done.stdout or done.stderr).strip(), ok, "" if ok else "bash build.sh"
    )


def system_user() -> Finding:
    if os.geteuid() != 0:
        return Finding("a user for PostgreSQL", "not needed: you are not root", True)
    ok = which("useradd") is not None
    seen = f"root may make '{postgres.ROOTS_USER}'" if ok else "useradd is missing"
    return Finding("a user for PostgreSQL", seen, ok, "" if ok else "apt-get install passwd")


def disk() -> Finding:
    free = shutil.disk_usage(Path(__file__).parents[2]).free
    return Finding("2 GiB of free disk", f"{free / 2**30:.1f} GiB", free >= DISK_WANTED_BYTES)


def cores() -> Finding:
    usable = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / 2**30
    return Finding(
        "2 cores, 2 GiB of memory", f"{usable} cores, {memory:.1f} GiB", usable >= 2 and memory >= 2
    )


def open_files() -> Finding:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = soft >= OPEN_FILES_WANTED
    return Finding(f"{OPEN_FILES_WANTED} open files", str(soft), ok, "" if ok else f"ulimit -n {hard}")


def _by_apt(package: str) -> str:
    return f"apt-get install {package} (with all that mode stack needs: bash build.sh --system)"


def _wanted_by(program: str, there: bool, what_for: str) -> Finding:
    """Something that only one setting asks for: its absence keeps no mode from running."""
    if there:
        return Finding(program, f"there, for {what_for}", True)
    return Finding(program, f"missing; only {what_for} asks for it", True, f"apt-get install {program}")


def nats_server() -> Finding:
    return _wanted_by("nats-server", nats.program() is not None, "BROKER=nats")


def redis_server() -> Finding:
    return _wanted_by("redis-server", redis.program() is not None, "BROKER=redis or CACHE=redis")


def openssl() -> Finding:
    return _wanted_by("openssl", which("openssl") is not None, "lab up --tls")


def rabbitmq_server() -> Finding:
    # Only looked for: Debian's wrapper starts a server whatever it is asked, its version included.
    found = rabbitmq.scripts()
    if found is None:
        return Finding("rabbitmq-server", "missing", False, _by_apt("rabbitmq-server"))
    return Finding("rabbitmq-server", str(found), True)


def haproxy() -> Finding:
    path = which("haproxy")
    if path is None:
        return Finding("haproxy", "missing", False, _by_apt("haproxy"))
    try:
        done = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("haproxy", str(error), False, _by_apt("haproxy"))
    return Finding("haproxy", done.stdout.partition("\n")[0] or path, done.returncode == 0)


def docker_engine() -> Finding:
    path = which("docker")
    if path is None:
        return Finding("Docker engine", "docker is missing", False, "https://docs.docker.com/engine/install")
    try:
        done = subprocess.run(
            [path, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("Docker engine", "does not answer within 20 s", False, "systemctl restart docker")
    except OSError as error:
        return Finding("Docker engine", str(error), False, "https://docs.docker.com/engine/install")
    if done.returncode == 0:
        return Finding("Docker engine", done.stdout.strip(), True)
    reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return Finding("Docker engine", reason, False, "systemctl start docker")


def citus_extension() -> Finding:
    binaries = citus.find()
    if binaries:
        return Finding("PostgreSQL with Citus", str(binaries), True)
    return Finding(
        "PostgreSQL with Citus",
        "no PostgreSQL here offers the extension",
        False,
        "docker compose -f docker-compose-citus.yml up (or https://docs.citusdata.com: Debian packages)",
    )


COMMON = (python_version, embedded_postgres, system_user, disk, cores, open_files)
SERVERS = (rabbitmq_server, haproxy)
WISHES = (nats_server, redis_server)
# Run mode -> what it needs beyond COMMON.
NEEDS: dict[str, tuple[Callable[[], Finding], ...]] = {
    "single": (),
    "multi": WISHES,
    "stack": (*SERVERS, *WISHES, openssl),
    "citus": (*SERVERS, citus_extension),
    "docker": (docker_engine,),
}


def examine() -> dict[str, list[Finding]]:
    """'every mode' and each run mode -> findings. Takes a second or two."""
    return {"every mode": [look() for look in COMMON]} | {
        mode: [look() for look in needs] for mode, needs in NEEDS.items()
    }
