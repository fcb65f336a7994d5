"""Settings that the stack turns into others before a process sees them."""

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.stack import modes, nats, redis, services
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


@pytest.mark.parametrize(
    ("levers", "own", "servers"),
    [
        ({}, {}, set()),
        ({"BROKER": "nats"}, {}, {"nats"}),
        ({"CACHE": "redis"}, {}, {"redis"}),
        ({}, {"backend-1": {"CACHE": "redis"}}, {"redis"}),
        ({"BROKER": "redis", "CACHE": "redis"}, {}, {"redis"}),
    ],
)
def test_a_stack_has_the_servers_that_its_processes_use_and_no_other(
    levers: dict[str, str],
    own: dict[str, dict[str, str]],
    servers: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for module in (nats, redis):
        monkeypatch.setattr(module, "program", lambda: "/bin/true")  # planned, not started
    made = modes.plan(modes.Request(tmp_path, levers=levers, own_levers=own))
    assert {one.kind for one in made.programs} - {"postgres", "backend", "websocket"} == servers
    told = next(one for one in made.programs if one.kind == "backend").environment
    assert {name for name in ("nats", "redis") if f"{name.upper()}_URL" in told} == servers


@pytest.mark.rabbitmq
@pytest.mark.haproxy
def test_a_proxied_stack_with_another_broker_runs_no_rabbitmq(tmp_path: Path):
    made = modes.plan(modes.Request(tmp_path, "stack", levers={"BROKER": "postgres"}))
    assert "rabbitmq" not in {one.kind for one in made.programs}
    assert made.description.rabbitmq is None
