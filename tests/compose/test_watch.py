"""What the watch of these tests takes off: what other programs used of the cores, nothing else."""

import subprocess
import sys

import pytest

from lab.pressure import Pressure
from tests.compose.watch import own_cpu_seconds, without_others

BURN = "import time\nwhile time.process_time() < 0.5: pass"


@pytest.mark.parametrize(
    ("busy_cores", "own_cpu_seconds", "counted"),
    [
        (2.0, 20.0, 10.0),  # a machine that is full with our own
        (1.0, 0.0, 5.0),
        (2.0, 5.0, 2.5),
        (2.0, 0.0, 0.0),
        (1.9, 20.0, 10.0),  # ticks are coarse
    ],
)
def test_the_share_of_others_is_taken_off(busy_cores, own_cpu_seconds, counted):
    took = without_others(Pressure(10.0, 0.9, busy_cores), own_cpu_seconds, cores=2)
    assert took.wall_seconds == 10.0 and took.seconds == pytest.approx(counted)


def test_what_our_ended_children_used_is_ours_and_what_others_used_is_not():
    before = own_cpu_seconds()
    subprocess.run([sys.executable, "-c", BURN], check=True)
    ours = own_cpu_seconds() - before
    assert ours >= 0.5
    # Its parent ends at once, so that it is nobody's child; its word is awaited.
    foreign = f"import os\nif os.fork() == 0:\n    os.setsid()\n    exec({BURN!r})\n    print('done')"
    before = own_cpu_seconds()
    said = subprocess.run([sys.executable, "-c", foreign], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout == "done\n"
    assert own_cpu_seconds() - before < 0.5
