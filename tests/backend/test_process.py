"""python -m backend: starts beside others, says what it runs with, stops without failing a request."""

import asyncio
import math
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.server import listening
from backend.settings import Settings
from lab.stack.ports import free_ports
from tests.backend.running import SECRET
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.brokers import NOT_BETWEEN_PROCESSES
from wire.tokens import Tokens

pytestmark = pytest.mark.stack
START_SECONDS = 90.0  # of several processes at once, on a full machine
Launch = Callable[..., Awaitable[tuple[Process, httpx.AsyncClient]]]


@asynccontextmanager
async def launched(
    dsn: str, log: IO[bytes] | None = None, program: Sequence[str] = ("-m", "backend"), /, **given: str
) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    (port,) = free_ports(1)
    url = urlsplit(dsn)
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "",
        "POSTGRES_HOST": parse_qs(url.query)["host"][0],
        "POSTGRES_DB": url.path[1:],
        "SECRET": SECRET,
        "BACKEND_PORT": str(port),
        "SERVICE_ID": "backend-test",
        **given,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program), env=environment, start_new_session=True, stdout=log, stderr=log
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            await ready(client, process)
            yield process, client
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def ready(client: httpx.AsyncClient, process: Process) -> None:
    async def answers() -> bool:
        assert process.returncode is None, f"ended with {process.returncode}"
        with suppress(httpx.TransportError):
            return (await client.get("/ready")).status_code == 200
        return False

    await eventually(answers, START_SECONDS)


async def health(client: httpx.AsyncClient) -> dict[str, Any]:
    """/health, once the broker is reached as well: nobody waits for that to be ready."""
    body: dict[str, Any] = {}

    async def well() -> bool:
        body.update((await client.get("/health")).json())
        return bool(body["status"] == "ok")

    with suppress(TimeoutError):  # then it tells what is not
        await eventually(well)
    return body


async def ends(process: Process) -> int:
    """Its exit code."""
    return await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def two_users(dsn: str) -> tuple[int, int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        'INSERT INTO "user" (username, first_name, last_name, password_hash)'
        " VALUES ('a', 'A', 'A', '!'), ('b', 'B', 'B', '!') RETURNING id"
    )
    await connection.close()
    return rows[0][0], rows[1][0]


@pytest.fixture
async def empty_database(postgres_server: str) -> AsyncIterator[str]:
    connection = await asyncpg.connect(postgres_server)
    await connection.execute("CREATE DATABASE bare")
    yield postgres_server.replace("/postgres?", "/bare?")
    await connection.execute("DROP DATABASE bare WITH (FORCE)")
    await connection.close()


async def test_processes_that_start_at_once_make_the_tables_once(empty_database: str):
    async with AsyncExitStack() as stack:
        started = await asyncio.gather(
            *(stack.enter_async_context(launched(empty_database)) for _ in range(3))
        )
        for _, client in started:
            body = await health(client)
            assert body["status"] == "ok", body
        connection = await asyncpg.connect(empty_database)
        assert await connection.fetchval("SELECT count(*) FROM schema_version") == 1
        await connection.close()


@pytest.mark.parametrize(
    ("setting", "value", "effective"),
    [
        ("EVENT_LOOP", "asyncio", "asyncio"),
        ("EVENT_LOOP", "asyncio_debug", "asyncio_debug"),
        ("EVENT_LOOP", "uvloop", "uvloop"),
        ("HTTP_PARSER", "h11", "h11"),
        ("HTTP_SERVER", "granian", "granian"),
        ("DURABILITY", "off", "off"),
    ],
)
async def test_health_tells_what_is_in_effect(database: str, setting: str, value: str, effective: object):
    async with launched(database, **{setting: value}) as (_, client):
        body = await health(client)
        assert body["effective"][setting.lower()] == effective
        assert (body["service"], body["id"]) == ("backend", "backend-test")
        assert body["links"] == {"postgres": "ok", "broker": "ok"}
        name = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backend-test'"
        connection = await asyncpg.connect(database)
        assert await connection.fetchval(name) >= 10
        await connection.close()


@pytest.mark.parametrize(
    ("given", "lines_per_send"),
    [
        ({}, 0),
        ({"LOG_LEVEL": "info"}, 1),
        ({"LOG_LEVEL": "debug"}, 2),
        ({"LOG_LEVEL": "info", "UVICORN_WORKERS": "2"}, 1),
        ({"LOG_LEVEL": "warning", "HTTP_SERVER": "granian"}, 0),
        ({"LOG_LEVEL": "info", "HTTP_SERVER": "granian"}, 1),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else str(value),
)
async def test_a_request_is_a_line_from_info_on(
    database: str, tmp_path: Path, given: dict[str, str], lines_per_send: int
):
    me, other = await two_users(database)
    headers = {"authorization": f"Bearer {Tokens(SECRET).make(me, 60)}"}
    with (tmp_path / "log").open("wb") as log:
        async with launched(database, log, **given) as (process, client):
            for number in range(20):
                path = f"/api/v1/dialog/{other}/create/"
                answer = await client.post(path, json={"content": str(number)}, headers=headers)
                assert answer.status_code == 201
            process.send_signal(signal.SIGTERM)
            await ends(process)
    words = ("/create/", "is committed")
    lines = (tmp_path / "log").read_text().splitlines()
    assert sum(any(word in line for word in words) for line in lines) == 20 * lines_per_send


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
async def test_sigterm_finishes_what_is_under_way(database: str, server: str):
    me, other = await two_users(database)
    headers = {"authorization": f"Bearer {Tokens(SECRET).make(me, 60)}"}
    drain_seconds = 8.0  # /ready must be asked within it, on a full machine too
    async with launched(database, HTTP_SERVER=server, DRAIN_SECONDS=str(drain_seconds)) as (process, client):
        answered = 0
        serves_until = math.inf  # at least

        async def send_until_it_ends() -> None:
            nonlocal answered
            while True:
                try:
                    answer = await client.post(
                        f"/api/v1/dialog/{other}/create/", json={"content": "x"}, headers=headers
                    )
                except httpx.TimeoutException:
                    raise
                except httpx.TransportError:
                    # Nobody listens any more, or the connection was closed as this request came. That it
                    # was not stored is looked at below.
                    assert time.monotonic() > serves_until
                    return
                assert answer.status_code == 201
                answered += 1

        sending = asyncio.gather(*(send_until_it_ends() for _ in range(8)))
        await eventually(lambda: answered >= 50 or sending.done())
        serves_until = time.monotonic() + drain_seconds
        process.send_signal(signal.SIGTERM)
        while (ready := await client.get("/ready")).status_code == 200:
            pass  # the event loop has not come to the signal yet; the listener's end would raise
        assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
        await sending
        assert await ends(process) == 0
    connection = await asyncpg.connect(database)
    stored = await connection.fetchval("SELECT count(*) FROM dialogmessage")
    await connection.close()
    assert answered == stored


def test_an_answer_in_two_writes_does_not_wait_for_an_acknowledgement():
    """Whatever the event loop: asyncio alone would leave Nagle's algorithm on, and 40 ms with it."""
    (port,) = free_ports(1)
    (listener,) = listening(Settings.read(secret=SECRET, backend_host="127.0.0.1", backend_port=port))
    with listener, socket.create_connection(("127.0.0.1", port)), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_unix_socket_answers_besides_the_port(database: str, tmp_path: Path):
    path = tmp_path / "api.sock"
    path.touch()  # as a killed process leaves one
    async with launched(database, BACKEND_SOCKET=str(path)) as (process, client):
        assert (await client.get("/health")).json()["effective"]["app_transport"] == "unix"
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(base_url="http://api", transport=transport) as through_socket:
            assert (await through_socket.get("/ready")).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert await ends(process) == 0
        assert not path.exists()


async def ended(module: str, **given: str) -> tuple[int | None, str]:
    """Its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", "SECRET": SECRET, "WS_PORT": "0", **given},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("module", ["backend", "single"])
async def test_an_address_in_use_ends_with_one_line_and_code_1(module: str):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        found = await ended(module, BACKEND_PORT=port)
    assert found == (1, f"cannot listen on 127.0.0.1:{port}: Address already in use\n")


@pytest.mark.parametrize("module", ["backend", "single"])
async def test_a_database_that_refuses_ends_with_one_line_and_code_1(module: str, database: str):
    host = parse_qs(urlsplit(database).query)["host"][0]
    code, said = await ended(module, BACKEND_PORT="0", POSTGRES_HOST=host, POSTGRES_DB="nobody_made_it")
    assert code == 1
    assert 'refuses: database "nobody_made_it" does not exist; set POSTGRES_USER' in said
    assert "Traceback" not in said


async def test_workers_do_not_outlive_a_killed_supervisor(database: str):
    async with launched(database, UVICORN_WORKERS="2") as (process, client):
        pids: set[int] = set()

        async def both_answered() -> bool:
            async with httpx.AsyncClient(base_url=client.base_url, timeout=PATIENCE_SECONDS) as other:
                pids.add((await other.get("/health")).json()["pid"])
            return len(pids) == 2

        await eventually(both_answered, START_SECONDS)
        process.kill()
        await process.wait()
        await eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


async def test_the_workers_that_are_reported_are_those_that_run(database: str):
    async with launched(database, UVICORN_WORKERS="3") as (process, client):

        async def reported() -> int:
            async with httpx.AsyncClient(base_url=client.base_url, timeout=PATIENCE_SECONDS) as other:
                return int((await other.get("/health")).json()["effective"]["uvicorn_workers"])

        async def all_run() -> bool:
            return await reported() == 3

        async def one_is_missing() -> bool:
            return await reported() == 2

        await eventually(all_run, START_SECONDS)
        supervisor = psutil.Process(process.pid)
        supervisor.suspend()  # or it starts another one at once
        supervisor.children()[-1].kill()
        await eventually(one_is_missing, START_SECONDS)
        supervisor.resume()
        await eventually(all_run, START_SECONDS)


async def test_a_scrape_reaches_every_worker_and_no_figure_is_mixed(database: str):
    async with launched(database, UVICORN_WORKERS="2") as (_, client):
        page, samples = "", []

        async def both_are_there() -> bool:
            nonlocal page, samples
            page = (await client.get("/metrics")).text
            samples = re.findall(r'^count_5xx_total\{worker="(\d+)"\} 0\.0$', page, re.MULTILINE)
            return len(samples) == 2

        await eventually(both_are_there, START_SECONDS)
        assert len(set(samples)) == 2
        assert page.count("# TYPE count_5xx_total counter") == 1
        families = list(text_string_to_metric_families(page))
        buckets = next(one for one in families if one.name == "dialog_create_req_time_s").samples
        assert {sample.labels["worker"] for sample in buckets} == set(samples)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"EVENT_LOOP": "trio"}, "EVENT_LOOP='trio': expected one of uvloop, asyncio, asyncio_debug\n"),
        ({"BROKER": "memory"}, f"{NOT_BETWEEN_PROCESSES}\n"),
    ],
)
async def test_a_setting_that_cannot_be_used_ends_with_one_line_and_code_2(given: dict[str, str], words: str):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backend"),
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", "SECRET": SECRET, **given},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode() == words
