"""People who chat on a compose stack, through its proxy."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol


class Person:
    """Somebody who was registered through the proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        name = f"p{secrets.token_hex(6)}"
        words = {"username": name, "first_name": "A", "last_name": "B", "password": "correct horse"}
        with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
            answer = client.post("/users/register", json=words)
            assert answer.status_code == 201, answer.text
            self.id = answer.json()["id"]
            login = client.post("/login", data={"username": name, "password": "correct horse"})
            self.token = login.json()["access_token"]
        self.client = httpx.Client(
            base_url=f"{url}/api/v1", timeout=60, headers={"Authorization": f"Bearer {self.token}"}
        )

    def send(self, to: "Person", content: str) -> int:
        """The status of the answer."""
        answer = self.client.post(f"/dialog/{to.id}/create/", json={"content": content})
        if at := answer.headers.get("x-wrote-at"):  # READ_ROUTING=replica_ryw: taken back by every read
            self.client.headers["x-wrote-at"] = at
        return answer.status_code

    def history(self, other: "Person") -> list[str]:
        return [item["content"] for item in self.client.get(f"/dialog/{other.id}/list/").json()["items"]]

    @contextmanager
    def listen(self, url: str = "", **options: Any) -> Iterator[ClientConnection]:
        """A socket that has been welcomed, at this address or where the person is registered."""
        with connect(
            f"{(url or self.url).replace('http', 'ws')}/ws?u={self.id}",
            **options,
            subprotocols=[Subprotocol("dialog.v1.json")],
            open_timeout=60,
        ) as socket:
            hello = {"t": "hello", "token": self.token, "dev": secrets.token_hex(16), "resume": None}
            socket.send(json.dumps(hello))
            assert json.loads(socket.recv(60))["t"] == "welcome"
            yield socket


def heard(socket: ClientConnection, seconds: float = 60) -> str:
    """The content of the next message."""
    deadline = time.monotonic() + seconds
    while True:
        frame = json.loads(socket.recv(max(0.1, deadline - time.monotonic())))
        if frame["t"] == "batch":
            return str(frame["m"][0]["c"])
