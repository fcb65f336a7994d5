"""How full the machine was: the share of time in which tasks waited for a core, and what others used.

A verdict from a machine that was busy with something else is a verdict about that something else.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# Cores; beyond it a result is marked, not ranked among the quiet, and a try that failed is made again.
MOST_OF_OTHERS = 0.3
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Moment:
    """Counters at one time. `waiting` is None on a kernel without pressure figures."""

    at: float
    waiting: float | None
    busy: float


@dataclass(frozen=True)
class Pressure:
    """Between two moments. `waited` is a share of the time (0..1), `busy_cores` the cores in use by all."""

    seconds: float
    waited: float | None
    busy_cores: float

    def cores_of_others(self, own_cpu_seconds: float) -> float:
        """Cores used by what is not ours: other programs, and a host that takes cores away.

        Ticks of 10 ms make it coarse over short times.
        """
        return max(0.0, self.busy_cores - own_cpu_seconds / self.seconds)


def moment() -> Moment:
    """The counters now."""
    return Moment(time.monotonic(), _waiting_seconds(), _busy_seconds())


def between(first: Moment, second: Moment) -> Pressure:
    """What happened from the first to the second moment. Raises ValueError when no time passed."""
    seconds = second.at - first.at
    if seconds <= 0:
        raise ValueError(f"{seconds} s between two moments: expected more than 0")
    waited = None
    if first.waiting is not None and second.waiting is not None:
        waited = min(1.0, (second.waiting - first.waiting) / seconds)
    return Pressure(seconds, waited, (second.busy - first.busy) / seconds)


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of processes up to now, to the nanosecond; one that ended counts nothing."""
    return sum(_process_nanoseconds(pid) for pid in pids) / 1e9


def _process_nanoseconds(pid: int) -> int:
    total = 0
    try:
        tasks = os.listdir(PROC / str(pid) / "task")
    except OSError:
        return 0
    for task in tasks:
        try:
            total += int((PROC / str(pid) / "task" / task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total


def _waiting_seconds() -> float | None:
    """`some` of /proc/pressure/cpu: the time in which at least one task waited for a core."""
    try:
        line = (PROC / "pressure" / "cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(line.rpartition("total=")[2]) / 1e6


def _busy_seconds() -> float:
    """User, nice, system, irq, softirq and stolen time of all cores."""
    fields = [int(word) for word in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
