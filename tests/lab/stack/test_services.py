"""A stack of the real services: they start, report, come back when killed, and stop by themselves."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.cli import run
from lab.stack.description import StackDescription
from lab.stack.host import down, running, up
from lab.stack.modes import Request
from lab.stack.status import statuses
from lab.stack.supervision import Supervision

pytestmark = [pytest.mark.stack, pytest.mark.integration]


def wait_until(seen: Callable[[], object], wanted: object, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while (now := seen()) != wanted:
        assert time.monotonic() < deadline, f"still {now} after {seconds} s, wanted {wanted}"
        time.sleep(0.05)


def health(stack: StackDescription) -> dict[str, str]:
    """Process -> ok, or what is wrong."""
    rows = statuses(stack)
    return {row.name: row.health if row.health == "ok" else f"{row.health} {row.links}" for row in rows}


def kill(stack: StackDescription, name: str) -> None:
    """Kill a process and wait until another one has its name."""
    old = stack.live_pids()[name]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: stack.live_pids().get(name, old) != old, True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDescription]:
    home = tmp_path_factory.mktemp("services") / "home"
    os.environ["POOL_SIZE"] = "2"  # somebody's export
    try:
        levers = {"DEBOUNCE_SECONDS": "0.05"}
        own = {"backend-2": {"POOL_SIZE": "7", "DATABASE_TRANSPORT": "unix"}}
        with running(Request(home, levers=levers, own_levers=own)) as description:
            yield description
    finally:
        del os.environ["POOL_SIZE"]


def test_every_process_is_well_and_linked(stack: StackDescription):
    wait_until(lambda: set(health(stack).values()), {"ok"})
    rows = {row.name: row for row in statuses(stack)}
    assert set(rows) == {"postgres", "backend-1", "backend-2", "websocket-1", "websocket-2"}
    assert {row.health for row in rows.values()} == {"ok"}
    for name in set(rows) - {"postgres"}:
        assert rows[name].links == {"postgres": "ok", "broker": "ok"}


def test_settings_reach_the_processes_they_are_for(stack: StackDescription):
    effective = {row.name: row.effective for row in statuses(stack)}
    assert [effective[name]["database_transport"] for name in ("backend-1", "backend-2")] == ["tcp", "unix"]
    assert [str(effective[name]["pool_size"]) for name in ("backend-1", "backend-2")] == ["10", "7"]
    assert {effective[name]["debounce_seconds"] for name in ("websocket-1", "websocket-2")} == {0.05}


def test_a_user_can_register_log_in_and_send(stack: StackDescription):
    names = {"first_name": "Ada", "last_name": "L", "password": "correct horse"}
    with httpx.Client(base_url=f"{stack.api[0]}/api/v1", timeout=60) as api:
        one, two = (
            api.post("/users/register", json={"username": name, **names}).json() for name in ("ada", "bob")
        )
    with httpx.Client(base_url=f"{stack.api[1]}/api/v1", timeout=60) as api:
        token = api.post("/login", data={"username": "ada", "password": "correct horse"}).json()
        api.headers["Authorization"] = f"Bearer {token['access_token']}"
        sent = api.post(f"/dialog/{two['id']}/create/", json={"content": "hello"})
        assert sent.status_code == 201
        assert sent.json()["from_user_id"] == one["id"]
        assert sent.json()["seq"] == 1


@pytest.mark.parametrize("name", ["backend-1", "websocket-1"])
def test_a_killed_service_is_back_and_well_within_seconds(stack: StackDescription, name: str):
    kill(stack, name)
    wait_until(lambda: health(stack)[name], "ok")


def test_a_killed_postgres_comes_back_and_the_services_find_it(stack: StackDescription):
    kill(stack, "postgres")
    try:
        wait_until(lambda: health(stack), dict.fromkeys(stack.live_pids(), "ok"))
    except AssertionError:
        print(Supervision(stack.home).log_tail("postgres"))
        raise


def test_the_commands_start_show_and_stop_a_stack(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / ".env").write_text("POOL_SIZE=3\nPOSTGRES_PORT=1\n")  # a developer's, must not be read
    monkeypatch.chdir(tmp_path)
    home = ["--home", str(tmp_path / "home")]
    try:
        assert run(["up", "--api", "1", "--websocket", "1", *home]) == 0
        assert run(["status", *home]) == 0
        assert run(["status", "--json", *home]) == 0
        assert '"pool_size": 10' in capsys.readouterr().out
        assert run(["up", *home]) == 2
        assert "already" in capsys.readouterr().err
    finally:
        assert run(["down", *home]) == 0
    assert run(["status", *home]) == 4
    assert run(["down", *home]) == 4
    assert not (tmp_path / "home").exists()


def test_a_bad_setting_stops_the_start_with_the_service_s_own_line(tmp_path: Path, capsys):
    home = tmp_path / "home"
    words = ["up", "--api", "1", "--websocket", "1", "--set", "POOL_SIZE=many", "--home", str(home)]
    assert run(words) == 5
    said = capsys.readouterr().err
    assert "POOL_SIZE='many'" in said
    assert "backend-1 did not start" in said
    assert not Supervision(home).strays()


def test_nothing_has_to_be_killed_at_the_end(tmp_path: Path):
    up(Request(tmp_path / "home", api=1, websockets=1))
    assert down(tmp_path / "home") == []
    said = (tmp_path / "home" / "logs" / "supervisord.log").read_text()
    assert said.count("stopped: ") == 3 and "SIGKILL" not in said, said
