"""Free TCP ports on 127.0.0.1."""

import random
import socket

# Below the kernel's range for outgoing connections (32768..60999), so that nobody's outgoing
# connection takes a service's port while the service is being restarted.
RANGE = range(20_000, 32_000)


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
    """That many different free ports. Nothing holds them: use them soon."""
    ports: set[int] = set()
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        if len(ports) == count:
            return list(ports)
        if is_free(port):
            ports.add(port)
    raise OSError(f"no {count} free ports in {RANGE.start}..{RANGE.stop - 1}")
