"""A stack of a real PostgreSQL and stand-in services: starting, restarting, stopping, failing."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from lab.errors import NotRunning, StackError, UsageError
from lab.stack import modes
from lab.stack.description import StackDescription
from lab.stack.host import down, heard, restart, running, up
from lab.stack.modes import Plan, Request
from lab.stack.program import HealthCheck, Program, http_ready
from lab.stack.status import statuses
from lab.stack.supervision import Supervision

pytestmark = [pytest.mark.stack, pytest.mark.integration]
STAND_IN = Path(__file__).with_name("stand_in.py")


def wait_for(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def answering(url: str) -> HealthCheck:
    """Whether it is ready; first it waits until the stand-in says anything at all."""

    def check() -> str | None:
        wait_for(lambda: is_listening(int(url.rsplit(":", 1)[1])))
        return http_ready(url)()

    return check


def planner(
    *words: str,
    programs: int = 2,
    start_seconds: float = 60,
    check: Callable[[str], HealthCheck] = http_ready,
) -> Callable[[Request], Plan]:
    """The real PostgreSQL of the mode, and stand-ins in place of its services."""

    def plan(request: Request) -> Plan:
        real = modes.plan(request)
        stand_ins = [
            Program(
                name=program.name,
                kind="backend",
                command=[sys.executable, str(STAND_IN), *words],
                environment=program.environment,
                check=check(f"http://127.0.0.1:{program.environment['BACKEND_PORT']}"),
                health=program.health,
                start_seconds=start_seconds,
                stop_seconds=10,
            )
            for program in real.programs
            if program.kind == "backend"
        ]
        postgres = [program for program in real.programs if program.kind == "postgres"]
        return Plan(postgres + stand_ins[:programs], real.description)

    return plan


@pytest.fixture
def home(tmp_path: Path):
    folder = tmp_path / "home"
    yield folder
    down(folder)


def ports(description: StackDescription) -> list[int]:
    return [description.postgres.port, *(int(url.rsplit(":", 1)[1]) for url in description.api)]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_nothing_left(home: Path, description: StackDescription, pids: list[int]) -> None:
    assert not Supervision(home).strays()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert [port for port in ports(description) if is_listening(port)] == []


def test_a_stack_runs_is_described_and_leaves_nothing(home: Path):
    with running(Request(home, levers={"POOL_SIZE": "3"}), planner=planner()) as description:
        assert StackDescription.load(home) == description
        assert (home / "stack.json").stat().st_mode & 0o077 == 0
        pids = description.live_pids()
        assert set(pids) == {"postgres", "backend-1", "backend-2"}
        assert {process.pid for process in description.processes} == set(pids.values())
        rows = statuses(description)
        assert [row.health for row in rows] == ["ok", "ok", "ok"]
        assert rows[1].effective == {"pool_size": "3"}
    assert_nothing_left(home, description, list(pids.values()))
    assert not home.exists()


async def test_postgres_is_durable_and_refuses_a_wrong_password(home: Path):
    description = up(Request(home), planner=planner(programs=0))
    database = description.postgres
    assert database.socket
    connection = await asyncpg.connect(
        host=database.socket,
        port=database.port,
        user=database.user,
        password=database.password,
        database="lab",
    )
    assert await connection.fetchval("SHOW fsync") == "on"
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database.dsn.replace(database.password, "guess"))


def test_a_killed_service_is_restarted_on_its_port(home: Path):
    description = up(Request(home), planner=planner())
    old = description.live_pids()["backend-1"]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: description.live_pids().get("backend-1", old) != old)
    wait_for(lambda: is_listening(ports(description)[1]))
    assert httpx.get(f"{description.api[0]}/health").json()["pid"] == description.live_pids()["backend-1"]


def test_a_killed_postgres_is_restarted(home: Path):
    description = up(Request(home), planner=planner(programs=0))
    old = description.live_pids()["postgres"]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: description.live_pids().get("postgres", old) != old)
    wait_for(lambda: is_listening(description.postgres.port))


def test_a_killed_supervisor_leaves_no_orphan(home: Path):
    description = up(Request(home), planner=planner())
    pids = list(description.live_pids().values())
    os.kill(int((home / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    with pytest.raises(NotRunning, match="lab down"):
        statuses(description)
    down(home)
    assert_nothing_left(home, description, pids)


def test_up_clears_what_a_killed_stack_left(home: Path):
    up(Request(home), planner=planner())
    os.kill(int((home / "supervisord.pid").read_text()), signal.SIGKILL)
    description = up(Request(home), planner=planner())
    assert [row.health for row in statuses(description)] == ["ok", "ok", "ok"]


def test_a_second_up_in_the_same_folder_is_refused(home: Path):
    up(Request(home), planner=planner(programs=1))
    with pytest.raises(UsageError, match="already"):
        up(Request(home), planner=planner())


def test_a_folder_with_other_things_is_refused(home: Path):
    home.mkdir()
    (home / "thesis.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        up(Request(home), planner=planner())
    down(home, keep_logs=False)
    assert (home / "thesis.txt").read_text() == "dear"


def test_a_program_that_ends_at_start_is_named_with_its_last_words(home: Path):
    with pytest.raises(StackError, match="backend-1 did not start") as failure:
        up(Request(home), planner=planner("refuse", programs=1))
    assert "POOL_SIZE='many'" in failure.value.log
    assert not Supervision(home).strays()


def test_a_program_that_ends_and_is_restarted_before_it_was_ready_is_named(home: Path):
    with pytest.raises(StackError, match="backend-1 did not start") as failure:
        up(Request(home), planner=planner("limp", programs=1))
    assert "out of breath" in failure.value.log


def test_a_program_that_is_never_ready_is_named_with_the_reason(home: Path):
    with pytest.raises(StackError, match=r"backend-1 is not ready after 3 s: .*503"):
        up(Request(home), planner=planner("sick", programs=1, start_seconds=3, check=answering))
    assert not Supervision(home).strays()


def test_a_start_that_fails_before_any_program_leaves_no_folder(home: Path):
    def refuse(request: Request) -> Plan:
        raise StackError("initdb failed")

    with pytest.raises(StackError, match="initdb failed"):
        up(Request(home), planner=refuse)
    assert not home.exists()


@pytest.mark.parametrize("seconds", [0.0, 20.0])  # it is sent again while the start goes on, or at its end
def test_a_ctrl_c_that_a_finalizer_swallowed_ends_the_start_all_the_same(seconds: float):
    class Deaf(io.RawIOBase):
        def close(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)  # Python drops what its handler raises here

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), heard():
        Deaf()
        time.sleep(seconds)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_taken_port_is_said_before_anything_starts(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            up(Request(home, port=port), planner=planner())


def test_a_very_long_run_folder_works(tmp_path: Path):
    home = tmp_path / ("d" * 60) / ("e" * 60)
    with running(Request(home), planner=planner()) as description:
        assert description.postgres.socket is None
        assert [row.health for row in statuses(description)] == ["ok", "ok", "ok"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_tethered_stack_ends_with_its_owner(home: Path, number: signal.Signals):
    code = (
        "import pathlib, sys, time; from tests.lab.stack.test_host import *\n"
        f"with running(Request(pathlib.Path({str(home)!r})), planner=planner()):\n"
        "    print('up', flush=True); time.sleep(200)"
    )
    root = Path(__file__).parents[3]
    owner = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert owner.stdout and owner.stdout.readline() == "up\n"
    description = StackDescription.load(home)
    pids = list(description.live_pids().values())
    owner.send_signal(number)
    owner.wait(90)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    wait_for(lambda: not Supervision(home).strays())


def test_a_process_restarts_with_other_settings_and_the_rest_runs_on(home: Path):
    description = up(Request(home), planner=planner())
    before = description.live_pids()
    restart(description, "backend-2", {"POOL_SIZE": "7"})
    after = description.live_pids()
    assert [name for name in before if before[name] != after[name]] == ["backend-2"]
    assert [row.effective.get("pool_size") for row in statuses(description)] == [None, "10", "7"]


def test_two_sides_of_a_comparison_have_settings_of_their_own(home: Path):
    home.mkdir()
    own = {"backend-2": {"POOL_SIZE": "2", "DATABASE_TRANSPORT": "unix"}}
    plan = modes.plan(Request(home, levers={"POOL_SIZE": "5"}, own_levers=own))
    one, two = (program.environment for program in plan.programs if program.kind == "backend")
    assert (one["POOL_SIZE"], two["POOL_SIZE"]) == ("5", "2")
    assert (one["POSTGRES_HOST"], two["POSTGRES_HOST"]) == ("127.0.0.1", plan.description.postgres.socket)
    assert "DATABASE_TRANSPORT" not in two


def test_settings_for_an_unknown_process_are_refused(home: Path):
    with pytest.raises(UsageError, match="backend-9"):
        up(Request(home, own_levers={"backend-9": {"POOL_SIZE": "2"}}))
    assert not Supervision(home).strays()
