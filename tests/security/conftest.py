"""A stack to attack, and three of its users: Ann and Bob talk, Mallory should not be part of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request

PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDescription]:
    """One API process and one websocket service."""
    home = tmp_path_factory.mktemp("security") / "stack"
    with running(Request(home, mode="multi", api=1, websockets=1)) as description:
        yield description


@dataclass(frozen=True)
class User:
    """Somebody who is logged in; `http` carries the token."""

    id: int
    username: str
    token: str
    refresh_token: str
    http: httpx.Client

    def send(self, to: "User", content: str, **more: str) -> httpx.Response:
        return self.http.post(f"/dialog/{to.id}/create/", json={"content": content, **more})

    def history(self, other: "User") -> list[dict[str, object]]:
        items: list[dict[str, object]] = self.http.get(f"/dialog/{other.id}/list/").json()["items"]
        return items


def login(http: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    """The answer; asked again while too many others log in."""
    while True:
        answer = http.post("/login", data={"username": username, "password": password})
        if answer.status_code != 429:
            return answer
        time.sleep(float(answer.headers["retry-after"]))


@pytest.fixture
def anybody(stack: StackDescription) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=stack.api[0] + "/api/v1", timeout=20) as http:
        yield http


@pytest.fixture
def people(stack: StackDescription, anybody: httpx.Client) -> Iterator[tuple[User, User, User]]:
    """Ann, Bob, Mallory: new ones for each test."""
    made = []
    for name in ("ann", "bob", "mallory"):
        username = f"{name}-{uuid4().hex[:12]}"
        body = {"username": username, "first_name": name, "last_name": "Test", "password": PASSWORD}
        user_id = anybody.post("/users/register", json=body).raise_for_status().json()["id"]
        tokens = login(anybody, username).raise_for_status().json()
        http = httpx.Client(
            base_url=anybody.base_url,
            headers={"authorization": f"Bearer {tokens['access_token']}"},
            timeout=20,
        )
        made.append(User(user_id, username, tokens["access_token"], tokens["refresh_token"], http))
    yield made[0], made[1], made[2]
    for user in made:
        user.http.close()
