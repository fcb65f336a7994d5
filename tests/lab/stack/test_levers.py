"""Settings that the stack turns into others before a process sees them."""

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.stack import modes, services
from lab.stack.description import Database, Kind
from lab.stack.program import Program

DATABASE = Database("127.0.0.1", 5432, "postgres", "", "lab", socket="/run/socket")


def pulled(name: str, **levers: str) -> dict[str, str]:
    kind: Kind = "backend" if name.startswith("backend") else "websocket"
    program = Program(name=name, kind=kind, command=[])
    return dict(services.with_levers(program, levers, DATABASE).environment)


def test_app_transport_gives_each_service_a_socket_in_the_proxy_s_folder():
    assert pulled("backend-2", APP_TRANSPORT="unix") == {"BACKEND_SOCKET": "haproxy/backend-2.sock"}
    assert pulled("websocket-1", APP_TRANSPORT="unix") == {"WS_SOCKET": "haproxy/websocket-1.sock"}
    assert pulled("backend-2", APP_TRANSPORT="tcp") == {}


def test_database_transport_chooses_the_address():
    assert pulled("backend-1", DATABASE_TRANSPORT="unix") == {"POSTGRES_HOST": "/run/socket"}
    assert pulled("backend-1", DATABASE_TRANSPORT="tcp") == {"POSTGRES_HOST": "127.0.0.1"}


def test_the_proxy_s_own_setting_reaches_no_service():
    assert pulled("backend-1", BALANCE="leastconn", POOL_SIZE="3") == {"POOL_SIZE": "3"}


@pytest.mark.parametrize("name", ["BALANCE", "APP_TRANSPORT"])
def test_a_setting_of_the_proxy_is_refused_where_there_is_none(name: str, tmp_path: Path):
    with pytest.raises(UsageError, match="no proxy"):
        modes.plan(modes.Request(tmp_path, "multi", levers={name: "x"}))
