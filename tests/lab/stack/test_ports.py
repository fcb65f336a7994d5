"""Free ports."""

import socket
import subprocess
import sys
from collections import deque

import pytest

from lab.stack import ports


@pytest.mark.parametrize("count", [0, 1, 20])
def test_as_many_different_ports_as_asked_for(count: int):
    found = ports.free_ports(count)
    assert len(found) == len(set(found)) == count
    assert all(port in ports.RANGE for port in found)


def test_a_port_that_is_listened_on_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_two_processes_are_never_given_the_same_port(monkeypatch: pytest.MonkeyPatch):
    """Also while nobody listens on it yet, and until the process that was given it has ended."""
    few = range(ports.RANGE.stop, ports.RANGE.stop + 40)  # beside the range: nobody else is given these
    monkeypatch.setattr(ports, "RANGE", few)
    code = (
        "from lab.stack import ports\n"
        f"ports.RANGE = {few!r}\n"
        "print(*ports.free_ports(10), flush=True)\n"
        "input()"
    )
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    given = [other.stdout.readline().split() for other in others if other.stdout]
    mine = ports.free_ports(10)
    taken = [*mine, *(int(port) for some in given for port in some)]
    assert len(taken) == len(set(taken)) == 30
    with pytest.raises(OSError, match="no 15 free ports"):
        ports.free_ports(15)
    for other in others:
        other.communicate("\n")
    assert len(ports.free_ports(15)) == 15


def test_a_process_that_asks_for_very_many_gives_the_oldest_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "RANGE", range(ports.RANGE.stop + 40, ports.RANGE.stop + 60))
    monkeypatch.setattr(ports, "MOST_HELD", 15)
    monkeypatch.setattr(ports, "_held", deque())
    for _ in range(10):
        assert len(ports.free_ports(5)) == 5
    for name in ports._held:
        name.close()
