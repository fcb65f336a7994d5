"""The supervisor of a run folder: supervisord as a child, spoken to over its unix socket.

supervisord restarts what dies and keeps the logs. What it does not know is done here: starting in
order and waiting until each program is well, saying clearly why a start failed, stopping in order.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from lab.errors import NotRunning, StackError
from lab.stack import tether
from lab.stack.program import Program

SOCKET = "supervisor.sock"
LOG_LINES = 15
START_SECONDS = 60.0  # on a full machine the imports alone take ten; one that ends is seen at once
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes
BROKEN_STATES = {"BACKOFF", "EXITED", "FATAL", "UNKNOWN"}
Tell = Callable[[str], None]  # takes one line of progress


def plain_environment() -> dict[str, str]:
    """What every program inherits. Nothing else: somebody's exported POOL_SIZE must not leak in."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _section(program: Program) -> str:
    command = shlex.join(
        [sys.executable, "-S", "-E", tether.__file__, f"programs/{program.name}.json"]
    ).replace("%", "%%")
    return f"""
[program:{program.name}]
command={command}
priority={program.order}
autostart=false
autorestart=true
startsecs=1
startretries=20
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{program.name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""


def _configuration(programs: Sequence[Program]) -> str:
    # The socket goes by /proc/self/cwd (= the run folder): the kernel takes 108 bytes of path at most.
    user = "user=root\n" if os.geteuid() == 0 else ""  # said openly, or supervisord warns about it
    return (
        f"[supervisord]\nnodaemon=true\nlogfile=logs/supervisord.log\npidfile=supervisord.pid\n{user}"
        f"childlogdir=logs\n\n[unix_http_server]\nfile=/proc/self/cwd/{SOCKET}\nchmod=0700\n\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        + "".join(_section(program) for program in programs)
    )


def write_spec(program: Program, home: Path, path: Path) -> None:
    """Write what tether.py turns into. Readable by its owner only: passwords are in it."""
    spec = {
        "command": list(program.command),
        "environment": plain_environment() | dict(program.environment) | {"LAB_HOME": str(home)},
        "user": program.user,
        "folder": str(program.folder or home),
        "death_signal": program.death_signal,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(spec, out, indent=1)


class Supervision:
    """The supervisor of one run folder; cheap to make, whether it runs or not."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder: int | None = None

    # --- writing what it shall run

    def write(self, programs: Sequence[Program]) -> None:
        """Write the configuration and one file per program (environment and command; owner only)."""
        for folder in ("programs", "logs"):
            (self.home / folder).mkdir(exist_ok=True)
        for program in programs:
            self.write_program(program)
        (self.home / "supervisord.conf").write_text(_configuration(programs))

    def write_program(self, program: Program) -> None:
        """What a program shall be from its next start on."""
        write_spec(program, self.home, self.home / "programs" / f"{program.name}.json")

    # --- starting

    def start(self, programs: Sequence[Program], tell: Tell, tethered: bool) -> None:
        """Start everything in order, each order when the former is well. Raises StackError.

        tethered: everything stops when this process dies, however it dies.
        """
        self.write(programs)
        self._start_supervisor(tethered)
        for _, group in groupby(sorted(programs, key=lambda p: p.order), key=lambda p: p.order):
            self.start_programs(list(group), tell)

    def _start_supervisor(self, tethered: bool) -> None:
        spec = {
            "command": [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"],
            "environment": plain_environment() | {"LAB_HOME": str(self.home)},
            "folder": str(self.home),
            "death_signal": "SIGTERM" if tethered else None,
            "parent": os.getpid(),
        }
        path = self.home / "programs" / ".supervisord.json"
        path.write_text(json.dumps(spec))
        log = self.home / "logs" / "supervisord.out"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-S", "-E", tether.__file__, str(path)],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the lab only, which stops the rest in order
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.alive():
            if process.poll() is not None:
                raise StackError("the supervisor did not start", _tail(log))
            if time.monotonic() > deadline:
                raise StackError(f"the supervisor does not answer after {START_SECONDS:g} s", _tail(log))
            time.sleep(0.02)

    def start_programs(self, programs: Sequence[Program], tell: Tell) -> None:
        """Start these together and wait until each is well. Raises StackError naming the one that is not."""
        begin = time.monotonic()
        for program in programs:
            with suppress(Fault):  # a program that dies at once: its state tells below
                self.rpc().supervisor.startProcess(program.name, False)
        waiting = list(programs)
        first_pids: dict[str, int] = {}
        while waiting:
            for program in list(waiting):
                info = self.rpc().supervisor.getProcessInfo(program.name)
                state, pid = info["statename"], info["pid"]
                # Another pid: it ended, and was started again between two looks.
                if state in BROKEN_STATES or (pid and first_pids.setdefault(program.name, pid) != pid):
                    raise StackError(f"{program.name} did not start: it ended", self.log_tail(program.name))
                reason = program.check() if state in ("STARTING", "RUNNING") else state.lower()
                if reason is None:
                    waiting.remove(program)
                    tell(f"{program.name} is up after {time.monotonic() - begin:.1f} s")
                elif time.monotonic() - begin > program.start_seconds:
                    raise StackError(
                        f"{program.name} is not ready after {program.start_seconds:.0f} s: {reason}",
                        self.log_tail(program.name),
                    )
            if waiting:
                time.sleep(0.05)

    def add(self, programs: Sequence[Program], tell: Tell) -> None:
        """Start more programs in a running stack, together. Raises StackError."""
        for program in programs:
            self.write_program(program)
        with (self.home / "supervisord.conf").open("a") as conf:
            conf.writelines(_section(program) for program in programs)
        self.rpc().supervisor.reloadConfig()
        for program in programs:
            self.rpc().supervisor.addProcessGroup(program.name)
        self.start_programs(programs, tell)

    def remove(self, name: str) -> None:
        """Stop one program gracefully and forget it, as far as it is known."""
        self.stop_program(name)
        with suppress(Fault):
            self.rpc().supervisor.removeProcessGroup(name)
        (self.home / "programs" / f"{name}.json").unlink(missing_ok=True)
        conf = self.home / "supervisord.conf"
        sections = conf.read_text().split("\n[")
        conf.write_text("\n[".join(part for part in sections if not part.startswith(f"program:{name}]")))

    def stop_program(self, name: str) -> None:
        """Stop one program gracefully and wait for its end; the supervisor leaves it stopped."""
        with suppress(Fault):  # it does not run
            self.rpc().supervisor.stopProcess(name)

    def change_environment(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change what a program finds in its environment from its next start on; None takes a name away."""
        path = self.home / "programs" / f"{name}.json"
        spec = json.loads(path.read_text())
        merged = {**spec["environment"], **changes}
        spec["environment"] = {key: value for key, value in merged.items() if value is not None}
        path.write_text(json.dumps(spec, indent=1))

    # --- asking

    def rpc(self) -> Any:
        """supervisord's XML-RPC interface. Raises NotRunning when nobody listens."""
        path = self.home / SOCKET
        if not path.exists():
            raise NotRunning(f"no supervisor runs in {self.home}")
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:  # too long for the kernel: through the open folder
            self._folder = self._folder or os.open(self.home, os.O_PATH)
            path = Path(f"/proc/self/fd/{self._folder}/{SOCKET}")
        return ServerProxy("http://lab", transport=SupervisorTransport(None, None, f"unix://{path}"))

    def alive(self) -> bool:
        """Whether the supervisor answers."""
        try:
            self.rpc().supervisor.getState()
        except (NotRunning, OSError):
            return False
        return True

    def states(self) -> list[Mapping[str, Any]]:
        """supervisord's word about each program: name, statename, pid, start, ... Raises NotRunning."""
        try:
            return list(self.rpc().supervisor.getAllProcessInfo())
        except OSError:
            raise NotRunning(f"the supervisor of {self.home} does not answer") from None

    def pids(self) -> dict[str, int]:
        """Name -> pid of what runs now."""
        return {state["name"]: state["pid"] for state in self.states() if state["pid"]}

    def log_tail(self, name: str) -> str:
        """The last lines of a program's log."""
        return _tail(self.home / "logs" / f"{name}.log")

    def strays(self) -> list[psutil.Process]:
        """Processes that belong to this run folder (LAB_HOME in their environment), supervised or not."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid != os.getpid() and process.environ().get("LAB_HOME") == str(self.home):
                    found.append(process)
        return found

    # --- stopping

    def stop(self) -> list[str]:
        """Stop everything: services first, the database last, then the supervisor.

        Returns the names of processes that had to be killed because they did not go.
        """
        with suppress(NotRunning, OSError, Fault):
            self._stop_in_order()
            self.rpc().supervisor.shutdown()
        return self._end_strays()

    def _stop_in_order(self) -> None:
        rpc = self.rpc().supervisor
        order = {config["name"]: config["process_prio"] for config in rpc.getAllConfigInfo()}
        for tier in sorted(set(order.values()), reverse=True):
            names = [name for name, priority in order.items() if priority == tier]
            for name in names:
                with suppress(Fault):  # NOT_RUNNING
                    rpc.stopProcess(name, False)
            while any(rpc.getProcessInfo(name)["statename"] == "STOPPING" for name in names):
                time.sleep(0.02)

    def _end_strays(self) -> list[str]:
        # 5 s for what is on its way out already, then the signal each should have had, then the last one.
        killed = []
        _, left = psutil.wait_procs(self.strays(), timeout=5)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            for process in left:
                with suppress(psutil.Error):
                    if number == signal.SIGKILL:
                        killed.append(f"{process.name()} ({process.pid})")
                    process.send_signal(number)
            _, left = psutil.wait_procs(self.strays() if left else [], timeout=10)
        return killed


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:]) or "  (the log is empty)"
