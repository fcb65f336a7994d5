"""How long the stack took, on a machine that other programs use as well."""

import os
import threading
import time
from dataclasses import dataclass

import psutil

from lab import pressure

ENGINE = ("docker", "containerd", "runc")  # how its programs' names begin
CORES = psutil.cpu_count() or 1
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Took:
    """By the clock, and without the time in which other programs filled the machine."""

    wall_seconds: float
    seconds: float

    def __str__(self) -> str:
        full = self.wall_seconds - self.seconds
        return f"{self.wall_seconds:.1f} s, {full:.1f} s of them full of other programs"


def filled_by_others(found: pressure.Pressure, own_cpu_seconds: float, cores: int = CORES) -> bool:
    """Whether they used more than half of the cores; what ours used, however much, does not count."""
    return found.cores_of_others(own_cpu_seconds) > cores / 2


def own_cpu_seconds() -> float:
    """CPU time up to now of the engine, of all that it runs, and of this process and its children.

    Those that ended are in it by what their parents waited for.
    """
    running = {one.pid: one.info for one in psutil.process_iter(["name", "ppid", "cpu_times"])}

    def ours(pid: int) -> bool:
        while pid in running:
            if pid == os.getpid() or running[pid]["name"].startswith(ENGINE):
                return True
            pid = running[pid]["ppid"]
        return False

    # user, system, and both of ended children
    return sum(sum(info["cpu_times"][:4]) for pid, info in running.items() if info["cpu_times"] and ours(pid))


class Watch:
    """Starts when it is made, and looks every second who used the cores."""

    def __init__(self) -> None:
        self._begin, self._others = time.monotonic(), 0.0
        self._stop = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def took(self) -> Took:
        """Until now; the watch stops."""
        wall = time.monotonic() - self._begin
        self._stop.set()
        self._looking.join()
        return Took(wall, max(0.0, wall - self._others))

    def _look(self) -> None:
        own, before = own_cpu_seconds(), pressure.moment()
        while not self._stop.wait(LOOK_SECONDS):
            own_now, now = own_cpu_seconds(), pressure.moment()
            found = pressure.between(before, now)
            if filled_by_others(found, own_now - own):
                self._others += found.seconds
            own, before = own_now, now
