"""Servers come and go, the file is read again: under load, and nothing is dropped."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import httpx
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from lab.errors import StackError
from lab.faults.links import Links
from lab.faults.scene import Scene
from lab.faults.verbs import attempt
from lab.stack.description import Database, StackDescription
from lab.stack.haproxy import SHARED, server
from tests.haproxy.proxy import Running, haproxy
from tests.haproxy.test_routing import instances, ports, who
from tests.haproxy.upstream import serving

pytestmark = pytest.mark.haproxy


@asynccontextmanager
async def load(proxy: Running) -> AsyncIterator[Counter[str]]:
    """Posts on kept and on fresh connections within the block; counts the answers by status or error."""
    answers: Counter[str] = Counter()
    stop = asyncio.Event()

    async def post(kept: bool) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            while not stop.is_set():
                headers = {} if kept else {"Connection": "close"}
                try:
                    answer = await client.post(proxy.url, content=b"x" * 300, headers=headers)
                    answers[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    answers[type(error).__name__] += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            tasks.create_task(post(kept=number % 2 == 0))
        try:
            yield answers
        finally:
            stop.set()


async def enough(answers: Counter[str], more: int = 100) -> None:
    """Wait until that many more answers have come."""
    target = answers.total() + more
    async with asyncio.timeout(90):
        while answers.total() < target:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def echo(socket: ClientConnection) -> str:
    await socket.send("?")
    async with asyncio.timeout(30):
        return str(await socket.recv()).split()[0]


async def test_reload_under_load_drops_nothing(tmp_path):
    api, sockets = instances("backend", 2), instances("websocket", 1)
    async with serving(*api, *sockets):
        with haproxy(tmp_path, ports(api), ports(sockets)) as proxy:
            held = [await connect(f"{proxy.websocket}?u={n}") for n in range(10)]
            async with load(proxy) as answers:
                for _ in range(3):
                    before = proxy.worker()
                    await asyncio.to_thread(proxy.reload)
                    assert proxy.worker() != before
                    await enough(answers)
            assert {await echo(socket) for socket in held} == {"websocket-1"}
            for socket in held:
                await socket.close()
    assert set(answers) == {"200"}


async def test_an_edited_file_is_live_after_a_reload(tmp_path):
    api = instances("backend", 2)
    async with serving(*api):
        with haproxy(tmp_path, ports(api[:1]), []) as proxy:
            file = proxy.folder / "haproxy.cfg"
            first = f"    server backend-1 127.0.0.1:{api[0].port}\n"
            file.write_text(
                file.read_text().replace(first, f"{first}    server other 127.0.0.1:{api[1].port}\n")
            )
            await asyncio.to_thread(proxy.reload)
            async with httpx.AsyncClient() as client:
                names = {(await client.get(proxy.url)).json()["name"] for _ in range(10)}
    assert names == {"backend-1", "backend-2"}


async def test_a_reload_with_a_mistake_in_the_file_leaves_the_old_one_serving(tmp_path):
    api = instances("backend", 1)
    async with serving(*api):
        with haproxy(tmp_path, ports(api), []) as proxy:
            file = proxy.folder / "haproxy.cfg"
            right = file.read_text()
            file.write_text(right + "    nonsense\n")
            with pytest.raises(StackError):
                await asyncio.to_thread(proxy.reload)
            assert "nonsense" in proxy.log.read_text()
            assert (await asyncio.to_thread(httpx.get, proxy.url)).status_code == 200
            file.write_text(right)


async def test_a_fault_that_shall_reload_it_is_a_trouble_when_nothing_was_reloaded(tmp_path):
    api = instances("backend", 1)
    async with serving(*api):
        with haproxy(tmp_path, ports(api), []) as proxy:
            database = Database("127.0.0.1", 1, "lab", "", "lab")
            scene = Scene(StackDescription("stack", tmp_path, [], [], database, ""), cast("Links", None))
            before = proxy.worker()
            await attempt(scene, "reload haproxy")
            assert proxy.worker() != before and not scene.troubles
            file = proxy.folder / "haproxy.cfg"
            right = file.read_text()
            file.write_text(right + "    nonsense\n")
            await attempt(scene, "reload haproxy")
            file.write_text(right)
    assert len(scene.troubles) == 1 and "HAProxy" in scene.troubles[0]


async def test_after_a_reload_the_old_process_ends_with_its_sockets_when_its_time_is_over(tmp_path):
    sockets = instances("websocket", 1)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets), HARD_STOP_AFTER="1s") as proxy:
            held, old = await connect(f"{proxy.websocket}?u=1"), proxy.worker()
            await asyncio.to_thread(proxy.reload)
            async with connect(f"{proxy.websocket}?u=1") as later:
                async with asyncio.timeout(60):
                    await held.wait_closed()
                with suppress(psutil.NoSuchProcess):
                    await asyncio.to_thread(psutil.Process(old).wait, 60)
                assert await echo(later) == "websocket-1"


async def test_the_script_of_compose_reloads_and_says_when_nothing_was_reloaded(tmp_path):
    api, state = instances("backend", 1), tmp_path / "state"
    state.touch()
    async with serving(*api):
        with haproxy(tmp_path, ports(api), [], HAPROXY_STATE=str(state)) as proxy:

            async def script(master: int) -> tuple[int | None, str]:
                process = await asyncio.create_subprocess_exec(
                    *("bash", SHARED.with_name("reload.sh"), proxy.folder / "haproxy.cfg", str(master)),
                    env={**os.environ, "HAPROXY_STATE": str(state)},
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
                async with asyncio.timeout(60):
                    said, _ = await process.communicate()
                return process.returncode, said.decode()

            before = proxy.worker()
            code, said = await script(proxy.master.pid)
            assert code == 0, said
            assert proxy.worker() != before and "backend-1" in state.read_text()
            somebody_else = await asyncio.create_subprocess_exec("sleep", "60")
            code, said = await script(somebody_else.pid)
            await somebody_else.wait()
            assert (code, "no new process took over" in said) == (1, True), said


async def test_a_service_added_while_running_gets_sockets_and_the_others_keep_theirs(tmp_path):
    sockets = instances("websocket", 4)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets[:2])) as proxy:
            held = [await connect(f"{proxy.websocket}?u={n}") for n in range(20)]
            added = [server("websocket", number, sockets[number - 1].port) for number in (3, 4)]
            await asyncio.to_thread(proxy.add, *added)
            met = {await who(proxy.websocket, user) for user in range(60)}
            assert {await echo(socket) for socket in held} == {"websocket-1", "websocket-2"}
            for socket in held:
                await socket.close()
            await asyncio.to_thread(proxy.reload)  # a restart finds them in the file
            assert set(proxy.states()) == {f"websocket-{n}" for n in (1, 2, 3, 4)}
    assert met >= {"websocket-3", "websocket-4"}


async def test_a_service_is_drained_and_removed_without_a_failed_request(tmp_path):
    api = instances("backend", 2)
    async with serving(api[0]):
        with haproxy(tmp_path, ports(api), []) as proxy:
            async with serving(api[1]), load(proxy) as answers:
                await proxy.until(lambda: proxy.states()["backend-2"] == "UP")
                await enough(answers)
                proxy.drain("backend-2")
                assert proxy.states()["backend-2"] == "DRAIN"
                await proxy.until(lambda: proxy.servers()["backend-2"]["scur"] == "0")
                seen = api[1].requests
                await enough(answers)
                assert api[1].requests == seen
                await asyncio.to_thread(proxy.remove, "backend-2")
                await enough(answers)
            assert "backend-2" not in (proxy.folder / "haproxy.cfg").read_text()
            assert set(proxy.states()) == {"backend-1"}
    assert set(answers) == {"200"}


async def test_a_killed_instance_is_out_after_two_checks(tmp_path):
    api = instances("backend", 2)
    async with serving(api[0]):
        with haproxy(tmp_path, ports(api), []) as proxy:
            async with serving(api[1]):
                await proxy.until(lambda: proxy.states()["backend-2"] == "UP")
                before = proxy.failed_checks("backend-2")
            await proxy.until(lambda: proxy.states()["backend-2"] == "DOWN")
            assert proxy.failed_checks("backend-2") - before <= 2
