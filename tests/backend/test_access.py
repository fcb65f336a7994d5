"""Who may: tokens, their end, and disabled users on every process."""

import itertools
import time
from types import SimpleNamespace

import pytest

from backend.access import Access
from tests.backend.running import Running, Start
from tests.waiting import eventually

GUARDED = [
    ("GET", "/api/v1/users/me"),
    ("GET", "/api/v1/users/1"),
    ("GET", "/api/v1/users/search/?first_name=a"),
    ("GET", "/api/v1/dialogs/"),
    ("GET", "/api/v1/dialog/2/list/"),
    ("POST", "/api/v1/dialog/2/create/"),
]


async def test_only_a_good_access_token_opens_the_door(backend: Running):
    (me,) = await backend.users(1)
    tokens = backend.app.access.tokens
    bad = [
        None,
        "Bearer",
        "Bearer x.y.z",
        f"Basic {tokens.make(me, 60)}",
        f"Bearer {tokens.make(me, -1)}",
        f"Bearer {tokens.make(me, 60, 'refresh')}",
        f"Bearer {tokens.make(me, 60)[:-4]}AAAA",
    ]
    for (method, url), header in itertools.product(GUARDED, bad):
        headers = {"authorization": header} if header else {}
        answer = await backend.client.request(method, url, headers=headers, json={"content": "x"})
        assert answer.status_code == 401, (url, header, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert isinstance(answer.json()["detail"], str)


async def test_a_token_ends_while_it_is_in_the_cache(backend: Running, monkeypatch: pytest.MonkeyPatch):
    me, other = await backend.users()
    token = backend.app.access.tokens.make(me, 60)
    headers = {"authorization": f"Bearer {token}"}
    url = f"/api/v1/dialog/{other}/list/"
    assert (await backend.client.get(url, headers=headers)).status_code == 200
    later = time.time() + 61
    monkeypatch.setattr("wire.tokens.time", SimpleNamespace(time=lambda: later))
    assert (await backend.client.get(url, headers=headers)).status_code == 401


async def test_a_refresh_token_gives_new_tokens_and_nothing_else(backend: Running):
    (me,) = await backend.users(1)
    tokens = backend.app.access.tokens
    answer = await backend.client.post(
        "/api/v1/refresh", json={"refresh_token": tokens.make(me, 60, "refresh")}
    )
    assert answer.status_code == 200
    assert tokens.check(answer.json()["access_token"]).user_id == me
    answer = await backend.client.post("/api/v1/refresh", json={"refresh_token": tokens.make(me, 60)})
    assert answer.status_code == 401


async def test_a_disabled_user_stops_with_the_next_look_on_every_process(start: Start):
    first, second = await start(), await start()
    me, other = await first.users()

    async def answers() -> set[int]:
        refresh = first.app.access.tokens.make(me, 60, "refresh")
        return {
            (await first.send(me, other)).status_code,
            (await second.send(me, other)).status_code,
            (await second.client.get("/api/v1/users/me", headers=second.headers(me))).status_code,
            (await first.client.post("/api/v1/refresh", json={"refresh_token": refresh})).status_code,
        }

    async def polled(access: Access) -> None:
        before = access._polled_at
        await eventually(lambda: access._polled_at > before)

    assert await answers() == {200, 201}
    await first.database.execute('UPDATE "user" SET disabled_at = now() WHERE id = $1', me)
    for access in (first.app.access, second.app.access) * 2:  # one poll may have been under way
        await polled(access)
    assert await answers() == {401}
    assert (await first.send(other, me)).status_code == 201
