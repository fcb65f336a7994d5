"""What an attacker tries to slip past the proxy, with real services behind it.

Requests hidden in another's body: tests/haproxy/test_smuggling.py, where it is seen what reaches a service.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from lab.stack.description import StackDescription
from tests.haproxy.proxy import Running, haproxy
from tests.security.conftest import User
from tests.security.raw import said_to

pytestmark = [pytest.mark.stack, pytest.mark.haproxy]
People = tuple[User, User, User]


@pytest.fixture(scope="module")
def proxy(stack: StackDescription, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """HAProxy in front of the stack's API and its websocket service."""
    ports = [urlsplit(url).port or 0 for url in (stack.api[0], stack.websockets[0])]
    with haproxy(tmp_path_factory.mktemp("proxy"), ports[:1], ports[1:]) as running:
        yield running


def _raw(proxy: Running, request: str) -> bytes:
    return said_to(proxy.url, request.replace("\n", "\r\n").encode())


def test_the_stack_answers_through_the_proxy(proxy: Running, people: People) -> None:
    ann, bob, _ = people
    with httpx.Client(base_url=proxy.url + "/api/v1", headers=ann.http.headers) as http:
        assert http.get("/users/me").json()["id"] == ann.id
        assert http.post(f"/dialog/{bob.id}/create/", json={"content": "x"}).status_code == 201


CHUNK = f"{16_384:x}\n{'x' * 16_384}\n"


@pytest.mark.parametrize(
    ("heads", "body"),
    [
        ("Content-Length: 200000\n", "x" * 20_000),
        ("Content-Length: 100000\n", "x" * 100_000),
        ("Transfer-Encoding: chunked\n", CHUNK * 6 + "0\n\n"),
    ],
)
def test_a_body_that_is_too_large_is_refused_in_clear_words_however_it_comes(
    heads: str, body: str, proxy: Running, people: People
) -> None:
    ann, bob, _ = people
    answer = _raw(
        proxy,
        f"POST /api/v1/dialog/{bob.id}/create/ HTTP/1.1\nHost: x\nContent-Type: application/json\n"
        f"Authorization: Bearer {ann.token}\n{heads}\n{body}",
    )
    head, _, words = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413") and b"application/json" in head.lower()
    assert b'{"detail":"The body is larger than 64 KiB; it was not read."}' in words


def test_a_body_without_end_is_refused_or_cut_off(proxy: Running, people: People) -> None:
    """The service answers and hangs up on what it will not read; the answer may be lost on the way then."""
    ann, bob, _ = people
    answer = _raw(
        proxy,
        f"POST /api/v1/dialog/{bob.id}/create/ HTTP/1.1\nHost: x\nContent-Type: application/json\n"
        f"Authorization: Bearer {ann.token}\nTransfer-Encoding: chunked\n\n" + CHUNK * 20,
    )
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert ann.history(bob) == []


@pytest.mark.parametrize(
    "header", ["X-Forwarded-User", "X-Remote-User", "X-User-Id", "X-Original-URL", "X-Rewrite-URL"]
)
def test_no_header_stands_in_for_a_token_or_a_path(header: str, proxy: Running, people: People) -> None:
    value = "/live" if header.endswith("URL") else str(people[0].id)
    answer = httpx.get(proxy.url + "/api/v1/users/me", headers={header: value})
    assert answer.status_code == 401


def test_a_header_named_as_belonging_to_one_hop_cannot_be_taken_from_another(
    proxy: Running, people: People
) -> None:
    answer = httpx.get(
        proxy.url + "/api/v1/users/me",
        headers={"Authorization": f"Bearer {people[0].token}", "Connection": "close, Authorization"},
    )
    assert answer.json().get("id") == people[0].id, "the proxy passes the token on, and nothing else counts"


@pytest.mark.parametrize("path", ["//ws", "/ws/../api/v1/users/me", "/%77s", "/ws;x", "/ws%2f..%2fhealth"])
def test_odd_paths_reach_nothing(path: str, proxy: Running) -> None:
    heard = _raw(proxy, f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")
    assert heard.split(b" ")[1] in (b"400", b"401", b"403", b"404", b"426")


def test_an_upgrade_to_another_protocol_opens_no_tunnel_to_the_api(proxy: Running) -> None:
    heard = _raw(
        proxy,
        "GET /api/v1/where HTTP/1.1\nHost: x\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\n\n",
    )
    assert b" 101 " not in heard.split(b"\r\n")[0]


def test_the_host_header_is_not_believed(proxy: Running) -> None:
    answer = httpx.get(proxy.url + "/api/v1/where", headers={"Host": "evil.example"})
    assert "evil.example" not in answer.text
    moved = httpx.get(proxy.url + "/api/v1/dialogs", headers={"Host": "evil.example"})
    assert moved.status_code == 404
    assert "evil.example" not in str(moved.headers)
