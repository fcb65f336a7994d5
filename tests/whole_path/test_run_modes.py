"""What every run mode does alike, and every broker in it: real processes, started as `lab up` does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.status import Status, linked_statuses
from tests.waiting import PATIENCE_SECONDS, eventually
from tests.websocket_service.client import Client
from wire.message import dialog_id_of
from wire.tokens import Tokens

pytestmark = pytest.mark.stack
SERVICES = {"backend", "websocket", "single"}
START_SECONDS = 90.0  # of all processes of a stack at once, on a full machine

OTHER_WAYS = {"HTTP_PARSER": "h11", "COMPRESSION": "deflate", "ENCODING": "msgpack", "PAYLOAD": "notify"}
MODES: list[Any] = [
    pytest.param("single", {}, id="single"),
    pytest.param("multi", {}, id="multi"),
]
WAYS = [
    *MODES,
    pytest.param("single", {**OTHER_WAYS, "EVENT_LOOP": "asyncio"}, id="single-other-ways"),
    pytest.param("multi", OTHER_WAYS, id="multi-other-ways"),
    pytest.param("multi", {"BROKER": "nats"}, id="nats", marks=pytest.mark.nats),
    pytest.param("multi", {"BROKER": "redis"}, id="redis", marks=pytest.mark.redis),
    pytest.param("multi", {"BROKER": "rabbitmq"}, id="rabbitmq", marks=pytest.mark.rabbitmq),
]


@dataclass
class Pair:
    """Ann, who writes to Bob; and Bob's devices, one at each websocket service."""

    stack: StackDescription
    http: httpx.AsyncClient
    tokens: Tokens
    ann: int
    bob: int
    devices: list[Client]

    @property
    def dialog(self) -> UUID:
        return dialog_id_of(self.ann, self.bob)

    async def write(self, content: str) -> None:
        """Until it is acknowledged, by any API process."""
        from uuid_utils.compat import uuid7

        id = str(uuid7())
        async with asyncio.timeout(START_SECONDS):
            while True:
                for api in self.stack.api:
                    with suppress(httpx.TransportError):
                        answer = await self.http.post(
                            f"{api}/api/v1/dialog/{self.bob}/create/",
                            json={"content": content, "id": id},
                            headers={"authorization": f"Bearer {self.tokens.make(self.ann, 60)}"},
                        )
                        assert answer.status_code in (200, 201, 503), answer.text
                        if answer.status_code != 503:
                            return
                await asyncio.sleep(0.1)

    async def everybody_has(self, contents: list[str]) -> None:
        for device in self.devices:
            await device.until(
                lambda device=device: len(device.applied[self.dialog]) >= len(contents), START_SECONDS
            )
            assert device.applied[self.dialog] == list(range(1, len(contents) + 1))
            assert [device.contents[self.dialog, seq] for seq in device.applied[self.dialog]] == contents


async def stay(device: Client) -> None:
    """Come back after each close."""
    await device.closed(600)
    await device.run()


@asynccontextmanager
async def two_people(request: Request) -> AsyncIterator[Pair]:
    with running(request) as stack:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            ids = []
            for name in ("ann", "bob"):
                body = {"username": name, "first_name": "A", "last_name": "B", "password": "password1"}
                answer = await http.post(f"{stack.api[0]}/api/v1/users/register", json=body)
                ids.append(answer.json()["id"])
            tokens = Tokens(stack.secret)
            where = (await http.get(f"{stack.api[0]}/api/v1/where")).json()["websockets"]
            assert where == stack.websockets
            devices = [Client(url, tokens.make(ids[1], 600), compression="deflate") for url in where]
            await asyncio.gather(*(device.connect() for device in devices))
            staying = [asyncio.create_task(stay(device)) for device in devices]
            yield Pair(stack, http, tokens, ids[0], ids[1], devices)
            for task in staying:
                task.cancel()
            await asyncio.gather(*staying, return_exceptions=True)
            for device in devices:
                await device.leave()


@pytest.mark.parametrize(("mode", "levers"), WAYS)
async def test_a_message_goes_its_whole_way(tmp_path: Path, mode: Any, levers: dict[str, str]):
    levers = {"SWEEP_SECONDS": "1000", **levers}  # what comes, comes by a hint
    async with two_people(Request(tmp_path / "home", mode=mode, levers=levers)) as pair:
        contents = [f"message {number} é ☃" for number in range(5)]
        for content in contents:
            await pair.write(content)
        await pair.everybody_has(contents)
        services: list[Status] = []

        def well() -> bool:
            services[:] = [one for one in linked_statuses(pair.stack) if one.kind in SERVICES]
            return {one.health for one in services} == {"ok"}

        await eventually(well)
        effective: dict[str, Any] = {}
        for one in services:
            effective |= one.effective
        broker = "memory" if mode == "single" else "postgres"
        asked = {"BROKER": broker, **levers, "SWEEP_SECONDS": 1000}
        if mode == "single":  # nothing is encoded
            asked.pop("ENCODING", None)
        assert {name: effective[name.lower()] for name in asked} == asked


@pytest.mark.parametrize(("mode", "levers"), MODES)
async def test_killed_processes_come_back_and_nothing_is_lost(
    tmp_path: Path, mode: Any, levers: dict[str, str]
):
    async with two_people(Request(tmp_path / "home", mode=mode, levers=levers)) as pair:
        await pair.write("before")
        await pair.everybody_has(["before"])
        before = {name: pid for name, pid in pair.stack.live_pids().items() if name != "postgres"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        await pair.write("after")
        await pair.everybody_has(["before", "after"])
        after = pair.stack.live_pids()
        assert {name for name, pid in before.items() if after.get(name) == pid} == set()
