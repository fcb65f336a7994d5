"""Start and stop a stack in a run folder: `up`, `down`, and `running` for the time of a block."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from lab.errors import StackError, UsageError
from lab.stack.description import FILE, StackDescription
from lab.stack.modes import Plan, Request, plan
from lab.stack.ports import is_free
from lab.stack.program import Program, always_well, http_ready
from lab.stack.supervision import Supervision, Tell

# Everything that a stack makes in its run folder. Nothing else there is ever touched.
OURS = (
    *("postgres", "rabbitmq", "haproxy", "programs", FILE, f".{FILE}"),
    *("supervisord.conf", "supervisord.pid", "supervisor.sock"),
)
AGAIN_SECONDS = 0.3


def up(
    request: Request,
    tell: Tell = lambda line: None,
    tethered: bool = False,
    planner: Callable[[Request], Plan] = plan,
) -> StackDescription:
    """Start a stack and return when every process is well. Raises StackError, and then nothing runs.

    tethered: the stack dies with this process, however it dies. Otherwise it stays until `down`.
    """
    home = request.home.resolve()
    request = Request(**{**vars(request), "home": home})
    supervision = Supervision(home)
    if supervision.alive():
        raise UsageError(f"a stack runs in {home} already; stop it: lab down --home {home}")
    for port in (request.port, request.stats_port, request.tls_port):
        if port and not is_free(port):
            raise UsageError(f"port {port} is in use; choose another, or none for a free one")
    make_home(home)
    _clear(home, supervision)
    try:
        with heard():
            planned = planner(request)
            supervision.start(planned.programs, tell, tethered)
            description = planned.described(supervision.pids())
            description.save()
    except BaseException as error:
        with undisturbed():
            down(
                home, keep_logs=isinstance(error, StackError)
            )  # they say why; an interrupted start needs none
        raise
    return description


@contextmanager
def heard() -> Iterator[None]:
    """A signal that shall end the block does, even where its first exception is lost.

    Python drops what is raised in a finalizer, silently where that closes a file, and waiting for a
    process makes and drops a connection twenty times a second. So the signal is sent again until the
    block is left.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    again: list[threading.Timer] = []
    told: list[int] = []
    former = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    leaving = False

    def handler(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if leaving:
            return
        again.append(threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)))
        again[-1].start()
        ends = former[signal.Signals(number)]
        assert callable(ends)
        ends(number, frame)

    def leave() -> None:
        nonlocal leaving
        leaving = True
        for timer in again:
            timer.cancel()
            timer.join()
        for number, ends in former.items():
            signal.signal(number, ends)

    try:
        for number, ends in former.items():
            if callable(ends):
                signal.signal(number, handler)
        yield
    except BaseException:
        leave()
        raise
    leave()
    if told:  # and lost, or the block would not have come to its end
        os.kill(os.getpid(), told[0])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C does nothing within the block: an impatient second one must not leave half a stack."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def make_home(home: Path) -> None:
    """Make the run folder. Others may walk through it (root's PostgreSQL is another user), not list it."""
    if home.exists() and not home.is_dir():
        raise UsageError(f"{home}: expected a folder")
    home.mkdir(parents=True, exist_ok=True)
    known = {*OURS, "logs"}
    foreign = [path.name for path in home.iterdir() if path.name not in known]
    if foreign:
        raise UsageError(f"{home} holds other things ({foreign[0]}); choose an empty folder")
    try:
        home.chmod(0o711)
    except PermissionError:
        raise UsageError(f"{home} belongs to another user; choose another: --home DIR") from None


def _clear(home: Path, supervision: Supervision) -> None:
    """End and remove what a killed stack left in the run folder."""
    supervision.stop()
    shutil.rmtree(home / "logs", ignore_errors=True)
    _remove(home)


def _remove(home: Path) -> None:
    for name in OURS:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def down(home: Path, keep_logs: bool = True) -> list[str]:
    """Stop everything of a run folder and remove what it made; logs stay when asked.

    Returns what had to be killed. Works on half a stack, and on none.
    """
    home = home.resolve()
    killed = Supervision(home).stop()
    _remove(home)
    if not keep_logs:
        shutil.rmtree(home / "logs", ignore_errors=True)
    if home.is_dir() and not any(os.scandir(home)):
        home.rmdir()
    return killed


def restart(
    description: StackDescription, name: str, changes: Mapping[str, str | None] | None = None
) -> None:
    """Restart one process gracefully, with changes to its environment (None: unset), and wait for it.

    Raises StackError when it does not come back; the others run on.
    """
    supervision = Supervision(description.home)
    process = next((p for p in description.processes if p.name == name), None)
    if process is None:
        names = ", ".join(p.name for p in description.processes)
        raise UsageError(f"no process '{name}' in this stack: expected one of {names}")
    if changes:
        supervision.change_environment(name, changes)
    check = http_ready(process.health.removesuffix("/health")) if process.health else always_well
    program = Program(name, process.kind, [], check=check)
    supervision.stop_program(name)
    supervision.start_programs([program], lambda line: None)


@contextmanager
def running(
    request: Request, tell: Tell = lambda line: None, planner: Callable[[Request], Plan] = plan
) -> Iterator[StackDescription]:
    """A stack for the time of the block, tethered to this process; nothing is left of it afterwards."""
    description = up(request, tell, tethered=True, planner=planner)
    try:
        yield description
    finally:
        with undisturbed():
            killed = down(request.home, keep_logs=False)
        if killed:
            raise StackError(f"had to kill {', '.join(killed)}")
