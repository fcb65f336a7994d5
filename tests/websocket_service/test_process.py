"""The service as a process: it says what is wrong with its settings, and ends when told to."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from lab.stack.ports import free_ports
from tests.waiting import PATIENCE_SECONDS, eventually
from tests.websocket_service.world import running

START_SECONDS = 90.0  # of a process, on a full machine


async def start(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "websocket_service"),
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "SECRET is not set"),
        ({"SECRET": "short"}, "SECRET=***"),
        ({"COMPRESSION": "zip"}, "COMPRESSION='zip': expected one of off, deflate"),
        ({"WS_PORT": "x"}, "WS_PORT='x'"),
        (
            {"BROKER": "memory"},
            "BROKER='memory': works within one process only; expected one of postgres, rabbitmq",
        ),
        ({"WS_HOST": "203.0.113.1"}, "cannot listen on 203.0.113.1"),
    ],
)
async def test_a_bad_setting_is_one_line(environment: dict[str, str], words: str):
    secret = {} if not environment else {"SECRET": "x" * 32}
    process = await start(**{**secret, **environment})
    output, _ = await process.communicate()
    assert process.returncode in (1, 2)
    assert words in output.decode()
    assert output.count(b"\n") == 1
    assert b"xxxx" not in output


async def ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client:

        async def answers() -> bool:
            assert process.returncode is None, "it ended"
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"{url}/ready")).status_code == 200
            return False

        await eventually(answers, START_SECONDS)


def reaching(dsn: str) -> dict[str, str]:
    url = urlsplit(dsn)
    return {"POSTGRES_HOST": parse_qs(url.query)["host"][0], "POSTGRES_DB": url.path[1:], "SECRET": "x" * 32}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(database: str, loop: str, number: int):
    (port,) = free_ports(1)
    process = await start(**reaching(database), WS_PORT=str(port), EVENT_LOOP=loop)
    try:
        await ready(f"http://127.0.0.1:{port}", process)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:

            async def well() -> bool:
                page: dict[str, Any] = (await client.get(f"http://127.0.0.1:{port}/health")).json()
                assert page["effective"]["event_loop"] == loop
                return bool(page["links"] == {"postgres": "ok", "broker": "ok"})

            await eventually(well)  # it is ready without a broker, too: that link may come a moment later
        process.send_signal(number)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert (process.returncode, output) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()


async def test_without_a_database_it_lives_and_is_not_ready():
    (port,) = free_ports(1)
    process = await start(SECRET="x" * 32, POSTGRES_HOST="/nowhere", WS_PORT=str(port))
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/ready")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
            assert (answer.status_code, answer.json()) == (503, {"status": "starting"})
            assert (await client.get(f"http://127.0.0.1:{port}/live")).status_code == 200
    finally:
        process.terminate()
        await process.communicate()


async def test_a_part_that_dies_ends_the_service_though_handlers_wait_for_it(database: str):
    """A process that looks alive but delivers nothing would be worse: its supervisor starts another."""
    with pytest.raises(ExceptionGroup) as raised:
        async with running(database) as world:
            device = await world.connected(1)
            await device.leave()
            world.service.users.epoch = b"restarted"[:8]  # so that the database is asked

            async def die(_asked: object) -> None:
                await asyncio.sleep(0.05)
                raise RuntimeError("a bug")

            world.service.resume._ask = die  # type: ignore[assignment,method-assign]
            with contextlib.suppress(ConnectionClosed):
                await device.connect()
            await asyncio.wait([world.serving], timeout=PATIENCE_SECONDS)
            assert world.serving.done()
    assert raised.group_contains(RuntimeError, match="a bug")
