"""Free ports."""

import socket

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
