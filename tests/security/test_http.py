"""What an attacker tries against the HTTP server itself."""

from collections.abc import Iterator

import httpx
import pytest

from lab.stack.description import StackDescription
from tests.security.conftest import User
from tests.security.raw import said_to

pytestmark = pytest.mark.stack
People = tuple[User, User, User]


def test_a_body_said_to_be_huge_is_refused_unread(people: People, stack: StackDescription) -> None:
    ann, bob, _ = people
    head = (
        f"POST /api/v1/dialog/{bob.id}/create/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ann.token}\r\n"
        "content-type: application/json\r\ncontent-length: 10000000000\r\n\r\n{"
    )
    assert said_to(stack.api[0], head.encode()).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/login", "application/x-www-form-urlencoded"),
        ("/users/register", "application/json"),
        ("/refresh", "application/json"),
        ("/dialog/1/create/", "application/json"),
    ],
)
def test_an_endless_body_is_cut(path: str, kind: str, people: People) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 64 * 2**20:
            sent += 16_384
            yield b"[" * 16_384

    try:
        answer = people[0].http.post(path, content=endless(), headers={"content-type": kind})
        assert answer.status_code == 413
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        pass  # closed while we were still talking: as good
    assert sent < 32 * 2**20, "it was not read to its end"
    assert people[0].http.get("/users/me").status_code == 200


def test_deeply_nested_json_is_refused(people: People) -> None:
    answer = people[0].http.post(
        f"/dialog/{people[1].id}/create/",
        content=b'{"content":' + b"[" * 30_000,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"content-length: +5\r\n",
        b"content-length: 5\r\ncontent length: 6\r\n",
    ],
)
def test_a_request_that_two_readers_would_cut_differently_is_refused(
    headers: bytes, stack: StackDescription
) -> None:
    request = (
        b"POST /api/v1/refresh HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\n0\r\n\r\n"
        b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
    )
    heard = said_to(stack.api[0], request)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 400")
    assert b"404" not in heard, "the second request was not answered as one of its own"


@pytest.mark.parametrize("headers", [b"a: " + b"b" * 300_000, b"a: b\r\n" * 50_000])
def test_headers_without_end_are_cut(headers: bytes, stack: StackDescription) -> None:
    heard = said_to(stack.api[0], b"GET /live HTTP/1.1\r\nhost: x\r\n" + headers)
    assert heard == b"" or heard.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_long_headers_that_end_are_taken_request_after_request(anybody: httpx.Client) -> None:
    for _ in range(5):
        assert anybody.get("/where", headers={"a": "b" * 30_000}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/page/__init__.py", "/page/../settings.py", "/page/..%2fsettings.py", "/page/%2e%2e/settings.py",
     "/page//etc/passwd", "/page/....//settings.py", "/.env", "/page/.env"],
)  # fmt: skip
def test_no_file_but_the_pages_own_is_served(path: str, stack: StackDescription) -> None:
    heard = said_to(stack.api[0], f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert heard.startswith(b"HTTP/1.1 404")
    assert b"import" not in heard


def test_another_sites_page_may_not_read_the_answers(people: People) -> None:
    for path in ("/users/me", "/where"):
        answer = people[0].http.get(path, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
    asked = people[0].http.options(
        f"/dialog/{people[1].id}/create/",
        headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
    )
    assert asked.status_code in (404, 405)
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_runs_no_foreign_script_and_is_not_framed(path: str, stack: StackDescription) -> None:
    policy = httpx.get(stack.api[0] + path).headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy


def test_errors_and_health_tell_no_secrets(people: People, stack: StackDescription) -> None:
    base = stack.api[0]
    texts = [httpx.get(base + path).text for path in ("/metrics", "/ready", "/nowhere")]
    texts.append(httpx.get(base + "/health").text.replace('"driver":"asyncpg"', ""))  # told on purpose
    texts.append(people[0].http.post("/users/register", json={"username": 1}).text)
    texts.append(people[0].http.get("/users/search/", params={"first_name": "a", "after": "%%%"}).text)
    for text in texts:
        assert stack.secret not in text
        assert stack.postgres.password not in text
        assert "Traceback" not in text
        assert "asyncpg" not in text
