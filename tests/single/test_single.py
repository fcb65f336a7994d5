"""API and websockets in one process: the whole way of a message without another process."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.stack.host import running
from lab.stack.modes import Request
from tests.websocket_service.client import Client
from wire.message import dialog_id_of
from wire.tokens import Tokens

pytestmark = pytest.mark.stack


async def test_a_message_goes_its_whole_way(tmp_path: Path):
    with running(Request(tmp_path / "home", mode="single")) as stack:
        async with httpx.AsyncClient() as http:
            page = (await http.get(f"{stack.api[0]}/health")).json()
        assert page["service"] == "single"
        assert page["links"] == {"postgres": "ok", "broker": "ok"}
        effective: dict[str, Any] = page["effective"]
        assert {
            "group_commit": "on",
            "debounce_seconds": 0.0,
            "broker": "memory",
        }.items() <= effective.items()
        async with httpx.AsyncClient(base_url=f"{stack.api[0]}/api/v1") as http:
            where = (await http.get("/where")).json()
            assert where == {"websockets": stack.websockets}
            ids = []
            for name in ("ann", "bob"):
                body = {"username": name, "first_name": "A", "last_name": "B", "password": "password1"}
                ids.append((await http.post("/users/register", json=body)).json()["id"])
            ann, bob = ids
            tokens = Tokens(stack.secret)
            device = Client(where["websockets"][0], tokens.make(bob, 60))
            await device.connect()
            for number in range(3):
                answer = await http.post(
                    f"/dialog/{bob}/create/",
                    json={"content": f"message {number}"},
                    headers={"authorization": f"Bearer {tokens.make(ann, 60)}"},
                )
                assert answer.status_code == 201
            dialog = dialog_id_of(ann, bob)
            await device.until(lambda: device.applied[dialog] == [1, 2, 3])
            assert device.contents[dialog, 2] == "message 1"
            await device.leave()
