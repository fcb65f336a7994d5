"""Users: register, log in, look up, search."""

from typing import Any

import pytest

from tests.backend.running import Running

ANN = {"username": "ann", "first_name": "Ann", "last_name": "Lee", "password": "correct horse"}


async def register(backend: Running, **given: object) -> Any:
    return await backend.client.post("/api/v1/users/register", json={**ANN, **given})


async def login(backend: Running, username: str, password: str) -> Any:
    return await backend.client.post("/api/v1/login", data={"username": username, "password": password})


async def test_who_registers_can_log_in_and_is_known(backend: Running):
    registered = await register(backend)
    assert registered.status_code == 201
    assert set(registered.json()) == {"id", "username", "first_name", "last_name"}
    answer = await login(backend, "ann", "correct horse")
    assert answer.status_code == 200
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    me = await backend.client.get("/api/v1/users/me", headers=headers)
    assert me.json() == registered.json()
    assert (await backend.client.get(f"/api/v1/users/{me.json()['id']}", headers=headers)).json() == me.json()


async def test_a_name_is_taken_once(backend: Running):
    assert (await register(backend)).status_code == 201
    assert (await register(backend, last_name="Other")).status_code == 409


async def test_nobody_becomes_more_than_a_user_by_registering(backend: Running):
    answer = await register(backend, is_superuser=True, id=1_000_000, disabled_at=None, role="admin")
    assert answer.status_code == 201
    row = await backend.database.fetchrow('SELECT * FROM "user" WHERE username = $1', "ann")
    assert row is not None
    assert row["id"] != 1_000_000
    assert not any("admin" in str(value) for value in row.values())


async def test_the_password_is_stored_as_a_hash_only(backend: Running):
    await register(backend)
    stored = await backend.database.fetchval('SELECT password_hash FROM "user"')
    assert stored.startswith("$argon2id$")
    assert "correct horse" not in stored


UNUSABLE = [
    ("username", ""),
    ("username", "a b c"),
    ("username", "ann\0"),
    ("username", "x" * 65),
    ("password", "short"),
    ("password", "x" * 129),
    ("password", None),
    ("first_name", ""),
    ("last_name", "a\0b"),
]


async def test_what_cannot_be_used_is_refused(backend: Running):
    for name, value in UNUSABLE:
        answer = await register(backend, **{name: value})
        assert answer.status_code == 422, (name, value)
        assert name in answer.json()["detail"]


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(backend: Running):
    await register(backend)
    wrong = await login(backend, "ann", "incorrect horse")
    nobody = await login(backend, "nobody", "correct horse")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.content == nobody.content
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_an_unknown_name_costs_a_hash_too(backend: Running, monkeypatch: pytest.MonkeyPatch):
    checked: list[str] = []
    check = backend.app.passwords._check

    def counted(stored: str, given: str) -> bool:
        checked.append(stored)
        return check(stored, given)

    monkeypatch.setattr(backend.app.passwords, "_check", counted)
    await login(backend, "nobody", "correct horse")
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$")


async def test_too_many_logins_at_once_are_sent_away(backend: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.passwords.MAX_WAITING", 0)
    answer = await login(backend, "ann", "correct horse")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"


async def search(backend: Running, **query: str) -> Any:
    return await backend.client.get("/api/v1/users/search/", params=query, headers=backend.headers(1))


async def test_search_finds_by_prefix_in_any_case_page_by_page(backend: Running):
    names = [("Ann", "Lee"), ("anna", "Low"), ("ANNE", "lee"), ("Bob", "Lee"), ("Änn", "Lee"), ("An", "Lee")]
    await backend.database.executemany(
        'INSERT INTO "user" (username, first_name, last_name, password_hash)'
        " VALUES (gen_random_uuid()::text, $1, $2, '!')",
        names,
    )

    async def found(**query: str) -> list[str]:
        result: list[str] = []
        position: dict[str, str] = {}
        while True:
            page = (await search(backend, **query, limit="2", **position)).json()
            result += [item["first_name"] for item in page["items"]]
            if page["next"] is None:
                return result
            position = {"after": page["next"]}

    assert await found(first_name="ann") == ["Ann", "anna", "ANNE"]
    assert await found(first_name="ann", last_name="le") == ["Ann", "ANNE"]
    assert await found(last_name="LE") == ["An", "Ann", "ANNE", "Bob", "Änn"]
    assert await found(first_name="än") == ["Änn"]
    assert await found(first_name="%") == []
    assert await found(first_name="zz") == []


ODD: list[dict[str, str]] = [
    {},
    {"first_name": ""},
    {"first_name": "a", "limit": "0"},
    {"first_name": "a", "after": "x"},
    {"first_name": "a", "after": "WzEsMiwzXQ"},
    {"first_name": "a\0"},
    {"first_name": "x" * 101},
]


async def test_an_odd_search_is_refused(backend: Running):
    for query in ODD:
        answer = await search(backend, **query)
        assert answer.status_code == 422, query
        assert isinstance(answer.json()["detail"], str)


async def test_an_unknown_user_is_not_found(backend: Running):
    answer = await backend.client.get("/api/v1/users/4711", headers=backend.headers(1))
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no such user."}
