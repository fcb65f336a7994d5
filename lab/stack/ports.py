"""Free TCP ports on 127.0.0.1."""

import random
import socket
from collections import deque

# Below the kernel's range for outgoing connections (32768..60999), so that nobody's outgoing
# connection takes a service's port while the service is being restarted.
RANGE = range(20_000, 32_000)
MOST_HELD = 200  # some twenty stacks, or as many restarts ago

# What this process was given, so that no other one is given it as well: from here to the moment at which a
# service listens it may take a quarter of a minute, and in between two stacks would choose alike. A name in
# the abstract namespace of unix sockets is there as long as its socket, leaves no file, and is of the same
# network namespace as the port.
_held: deque[socket.socket] = deque()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """That many different free ports, which no other process of the lab is given while this one lives.

    A process that asks for very many gives the oldest back (MOST_HELD).
    """
    found: dict[int, socket.socket] = {}
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        if len(found) == count:
            break
        if (name := _named(port)) is None:
            continue
        if is_free(port):
            found[port] = name
        else:
            name.close()
    if len(found) < count:
        for name in found.values():
            name.close()
        raise OSError(f"no {count} free ports in {RANGE.start}..{RANGE.stop - 1}")
    _held.extend(found.values())
    while len(_held) > max(MOST_HELD, count):
        _held.popleft().close()
    return list(found)


def _named(port: int) -> socket.socket | None:
    """The socket that says: this port is given; None when another one says so."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0fastapi-performance-lab/port/{port}")
    except OSError:
        name.close()
        return None
    return name
