"""What an attacker tries against other people's messages."""

from uuid import uuid4

import httpx
import pytest

from lab.stack.description import StackDescription
from tests.security.conftest import User
from wire.message import dialog_id_of

pytestmark = pytest.mark.stack
People = tuple[User, User, User]
SECRET_WORDS = "the treasure is under the old oak"


def test_a_dialog_is_read_by_its_two_users_only(people: People) -> None:
    ann, bob, mallory = people
    ann.send(bob, SECRET_WORDS)
    assert bob.history(ann)[0]["content"] == SECRET_WORDS
    assert mallory.history(ann) == []
    assert mallory.history(bob) == []


def test_no_address_takes_the_id_of_a_dialog_or_a_message(people: People) -> None:
    ann, bob, mallory = people
    sent = ann.send(bob, SECRET_WORDS).json()
    for guess in (sent["dialog_id"], sent["id"], str(dialog_id_of(ann.id, bob.id).int)):
        for path in (f"/dialog/{guess}/list/", f"/dialog/{guess}/", f"/message/{guess}", f"/users/{guess}"):
            answer = mallory.http.get(path)
            assert answer.status_code in (404, 422)
            assert SECRET_WORDS not in answer.text


def test_a_page_turned_too_far_shows_nothing_of_others(people: People) -> None:
    ann, bob, mallory = people
    for _ in range(3):
        ann.send(bob, SECRET_WORDS)
    mallory.send(ann, "mine")
    for query in ({"after": 0, "limit": 100}, {"before": 2**62}, {"limit": 100}):
        items = mallory.http.get(f"/dialog/{ann.id}/list/", params=query).json()["items"]
        assert [item["content"] for item in items] == ["mine"]
    listed = mallory.http.get("/dialogs/", params={"after": str(dialog_id_of(1, 2)), "limit": 100}).json()
    assert {item["user_id"] for item in listed["items"]} == {ann.id}


def test_the_sender_cannot_be_chosen(people: People) -> None:
    ann, bob, mallory = people
    claims = {"from_user_id": str(ann.id), "f": str(ann.id), "dialog_id": str(dialog_id_of(ann.id, bob.id))}
    answer = mallory.send(bob, "from Ann, honestly", **claims)
    assert answer.status_code in (201, 422)
    assert all(item["from_user_id"] == bob.id for item in bob.history(ann))
    assert ann.history(bob) == []


def test_the_id_of_somebody_elses_message_tells_nothing(people: People) -> None:
    ann, bob, mallory = people
    sent = ann.send(bob, SECRET_WORDS).json()
    stolen = mallory.send(bob, "guess", id=sent["id"])
    assert stolen.status_code == 201
    assert stolen.json()["content"] == "guess"
    assert ann.history(bob)[0]["content"] == SECRET_WORDS
    within = bob.send(ann, "overwrite", id=sent["id"])
    assert within.status_code == 409
    assert ann.history(bob)[0]["content"] == SECRET_WORDS


def test_sql_and_markup_in_a_message_come_back_as_they_were(people: People) -> None:
    ann, bob, _ = people
    for content in ("'); DROP TABLE dialogmessage; --", "<script>alert(1)</script>", "\\u0000 {{7*7}} %s $1"):
        assert ann.send(bob, content).status_code == 201
        assert bob.history(ann)[0]["content"] == content


@pytest.mark.parametrize("user", ["0", "-1", "9223372036854775808", "1.5", "1%2F2", "٣", "1;2", "me"])
def test_odd_user_ids_are_refused_without_a_fault(user: str, people: People) -> None:
    answer = people[0].http.post(f"/dialog/{user}/create/", json={"content": "x"})
    assert answer.status_code in (404, 422)


def test_a_message_to_oneself_or_to_nobody_is_refused(people: People) -> None:
    ann = people[0]
    assert ann.send(ann, "x").status_code == 422
    assert ann.http.post(f"/dialog/{2**62}/create/", json={"content": "x"}).status_code == 404


def test_without_a_token_nothing_but_the_public_is_answered(
    anybody: httpx.Client, stack: StackDescription, people: People
) -> None:
    document = httpx.get(stack.api[0] + "/openapi.json").json()
    public = {"/api/v1/login", "/api/v1/refresh", "/api/v1/users/register", "/api/v1/where"}
    tried = 0
    for path, methods in document["paths"].items():
        if not path.startswith("/api/v1") or path in public:
            continue
        for method in methods:
            address = stack.api[0] + path.replace("{user_id}", str(people[0].id))
            body = {"content": "x", "id": str(uuid4())} if method == "post" else None
            assert httpx.request(method, address, json=body).status_code == 401, f"{method} {path}"
            tried += 1
    assert tried >= 6
