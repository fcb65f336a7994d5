"""How long the stack took, on a machine that other programs use as well."""

import os
from dataclasses import dataclass

import psutil

from lab import pressure

ENGINE = ("docker", "containerd", "runc")  # how its programs' names begin


@dataclass(frozen=True)
class Took:
    """By the clock, and without the share of it that other programs had of the cores."""

    wall_seconds: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.wall_seconds:.1f} s ({self.seconds:.1f} s without other programs' share of the cores)"


def without_others(found: pressure.Pressure, own_cpu_seconds: float, cores: int) -> Took:
    """Where others used half of the machine half of the time counts; what ours used takes nothing off."""
    others = min(1.0, found.cores_of_others(own_cpu_seconds) / cores)
    return Took(found.seconds, found.seconds * (1 - others))


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
    """Starts when it is made."""

    def __init__(self) -> None:
        self._own, self._begin = own_cpu_seconds(), pressure.moment()

    def took(self) -> Took:
        found = pressure.between(self._begin, pressure.moment())
        return without_others(found, own_cpu_seconds() - self._own, psutil.cpu_count() or 1)
