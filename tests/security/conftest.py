"""A stack to attack, and three of its users: Ann and Bob talk, Mallory should not be part of it."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import argon2
import asyncpg
import httpx
import pytest

from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from tests.waiting import PATIENCE_SECONDS
from wire.tokens import Tokens

PASSWORD = "correct horse"


@pytest.fixture(scope="session", params=["single", "multi"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackDescription]:
    """Everything in one process; then one API process and one websocket service."""
    home = tmp_path_factory.mktemp("security") / "stack"
    with running(Request(home, mode=request.param, api=1, websockets=1)) as description:
        yield description


@pytest.fixture
def holder(stack: StackDescription) -> str:
    """The name of the process that holds the sockets."""
    (name,) = (one.name for one in stack.processes if one.kind in ("websocket", "single"))
    return name


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
    with httpx.Client(base_url=stack.api[0] + "/api/v1", timeout=PATIENCE_SECONDS) as http:
        yield http


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD, made once: registering through the API would hash for every user of every test."""
    return argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)


async def _insert(dsn: str, usernames: list[str], password_hash: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    try:
        return [
            await connection.fetchval(
                'INSERT INTO "user" (username, first_name, last_name, password_hash) '
                "VALUES ($1, $2, 'Test', $3) RETURNING id",
                username,
                username.split("-")[0],
                password_hash,
            )
            for username in usernames
        ]
    finally:
        await connection.close()


@pytest.fixture
def people(
    stack: StackDescription, anybody: httpx.Client, password_hash: str
) -> Iterator[tuple[User, User, User]]:
    """Ann, Bob, Mallory: new ones for each test."""
    usernames = [f"{name}-{uuid4().hex[:12]}" for name in ("ann", "bob", "mallory")]
    tokens = Tokens(stack.secret)
    made = []
    for user_id, username in zip(
        asyncio.run(_insert(stack.postgres.dsn, usernames, password_hash)), usernames, strict=True
    ):
        access, refresh = tokens.make(user_id, 900), tokens.make(user_id, 86_400, "refresh")
        http = httpx.Client(
            base_url=anybody.base_url, headers={"authorization": f"Bearer {access}"}, timeout=PATIENCE_SECONDS
        )
        made.append(User(user_id, username, access, refresh, http))
    yield made[0], made[1], made[2]
    for user in made:
        user.http.close()
