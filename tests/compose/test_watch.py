"""What the watch of these tests takes off: time in which other programs filled the machine, nothing else."""

import subprocess
import sys

import pytest

from lab.pressure import Pressure
from tests.compose.watch import filled_by_others, own_cpu_seconds

BURN = "import time\nwhile time.process_time() < {}: pass"


@pytest.mark.parametrize(
    ("busy_cores", "own_cpu_seconds", "filled"),
    [
        (2.0, 2.0, False),  # a machine that is full with our own
        (1.9, 2.0, False),  # ticks are coarse
        (1.0, 0.0, False),  # there was room
        (2.0, 1.1, False),
        (2.0, 0.9, True),
        (2.0, 0.0, True),
    ],
)
def test_only_time_that_others_filled_is_taken_off(busy_cores, own_cpu_seconds, filled):
    assert filled_by_others(Pressure(1.0, 0.9, busy_cores), own_cpu_seconds, cores=2) is filled


def test_what_our_ended_children_used_is_ours_and_what_others_used_is_not():
    before = own_cpu_seconds()
    subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    ours = own_cpu_seconds() - before
    assert ours >= 0.3
    # Its parent ends at once, so that it is nobody's child; its word is awaited.
    foreign = (
        f"import os\nif os.fork() == 0:\n    os.setsid()\n    exec({BURN.format(2)!r})\n    print('done')"
    )
    before = own_cpu_seconds()
    said = subprocess.run([sys.executable, "-c", foreign], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout == "done\n"
    assert own_cpu_seconds() - before < 2  # some of it is for the looking
