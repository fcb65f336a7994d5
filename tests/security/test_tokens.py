"""What an attacker tries against tokens."""

import asyncio
import base64
import json
import time
from collections.abc import Callable

import asyncpg
import httpx
import jwt
import pytest

from lab.stack.description import StackDescription
from tests.security.conftest import User, login
from tests.waiting import PATIENCE_SECONDS
from wire.tokens import Tokens

pytestmark = pytest.mark.stack
People = tuple[User, User, User]


def _me(anybody: httpx.Client, token: str) -> httpx.Response:
    return anybody.get("/users/me", headers={"authorization": f"Bearer {token}"})


def _part(data: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def _payload(user: User, **more: object) -> dict[str, object]:
    now = time.time()
    return {"sub": str(user.id), "iat": now, "exp": now + 900, "kind": "access", **more}


def _unsigned(user: User, _secret: str) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(_payload(user))}."


def _own_secret(user: User, _secret: str) -> str:
    return jwt.encode(_payload(user), "a secret of the attacker's own choice", "HS256")


def _changed(user: User, _secret: str) -> str:
    head, _, signature = user.token.split(".")
    return f"{head}.{_part(_payload(user, sub='1'))}.{signature}"


def _expired(user: User, secret: str) -> str:
    return jwt.encode(_payload(user, exp=time.time() - 1), secret, "HS256")


def _endless(user: User, secret: str) -> str:
    payload = _payload(user)
    del payload["exp"]
    return jwt.encode(payload, secret, "HS256")


def _other_algorithm(user: User, secret: str) -> str:
    return jwt.encode(_payload(user), secret * 2, "HS512")


def _nobody(user: User, secret: str) -> str:
    return jwt.encode(_payload(user, sub="1 OR 1=1"), secret, "HS256")


def _refresh(user: User, _secret: str) -> str:
    return user.refresh_token


def _garbage(_user: User, _secret: str) -> str:
    return "a.b.c"


def _long(_user: User, _secret: str) -> str:
    return "x" * 30_000


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _own_secret,
        _changed,
        _expired,
        _endless,
        _other_algorithm,
        _nobody,
        _refresh,
        _garbage,
        _long,
    ],
)
def test_forged_tokens_are_refused(
    forge: Callable[[User, str], str], people: People, anybody: httpx.Client, stack: StackDescription
) -> None:
    answer = _me(anybody, forge(people[0], stack.secret))
    assert answer.status_code in (400, 401, 431)
    hot = anybody.get(
        f"/dialog/{people[1].id}/list/",
        headers={"authorization": f"Bearer {forge(people[0], stack.secret)}"},
    )
    assert hot.status_code == answer.status_code, "the quick path is as strict as the documented one"
    assert _me(anybody, people[0].token).status_code == 200


def test_an_access_token_cannot_be_refreshed_into_a_longer_one(people: People, anybody: httpx.Client) -> None:
    assert anybody.post("/refresh", json={"refresh_token": people[0].token}).status_code == 401
    assert anybody.post("/refresh", json={"refresh_token": people[0].refresh_token}).status_code == 200


def test_access_tokens_are_short_lived(people: People, anybody: httpx.Client) -> None:
    token = login(anybody, people[0].username).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 3600
    assert set(claims) == {"sub", "iat", "exp", "kind"}, "nothing else is told to who reads it"


def test_a_disabled_user_stops_within_seconds(
    people: People, anybody: httpx.Client, stack: StackDescription
) -> None:
    ann, bob, mallory = people
    assert mallory.send(ann, "still welcome").status_code == 201

    async def disable() -> None:
        connection = await asyncpg.connect(stack.postgres.dsn)
        await connection.execute('UPDATE "user" SET disabled_at = now() WHERE id = $1', mallory.id)
        await connection.close()

    asyncio.run(disable())
    deadline = time.monotonic() + PATIENCE_SECONDS  # two looks at the list: tests/backend/test_access.py
    while mallory.send(ann, "still here").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert mallory.http.get("/users/me").status_code == 401
    assert anybody.post("/refresh", json={"refresh_token": mallory.refresh_token}).status_code == 401
    assert login(anybody, mallory.username).status_code == 401
    assert ann.send(bob, "others go on").status_code == 201


def test_tokens_of_another_installation_are_refused(people: People, anybody: httpx.Client) -> None:
    foreign = Tokens("another installation's secret, just as long").make(people[0].id, 900)
    assert _me(anybody, foreign).status_code == 401
