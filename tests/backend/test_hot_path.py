"""The short way answers what the route answers: one request, whatever it is, to both."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.app import Backend, build
from backend.asgi import Route
from backend.hot_path import HotPath
from backend.store import Outcome
from tests.backend.running import Recorder, settings_for
from wire.message import DialogMessage

ME, OTHER = 7, 9
PATHS = ["009", "7", "0", "-1", "+9", "9.0", "x", "", "٩", str(2**63 - 1), str(2**63)]
JSON = b"application/json"
TYPES = [
    *(b"application/json; charset=utf-8", b"Application/JSON", b"application/problem+json"),
    *(b"text/plain", b"text/plain; application/json", b"application/jsonx", b""),
]
ID = "0198c3f2-7a51-7c3e-9d1b-2f6a1f0e8b11"
IDS = [ID, ID.replace("-", ""), ID.upper(), None, "", 5, "no"]
CONTENTS = ["hi", "again", "other", "a\0", "x" * 4096, "x" * 4097, 5, None]
BODIES = [
    *(b"", b"{}", b"[]", b"null", b"{", b'{"content":"a"} ', b'\xef\xbb\xbf{"content":"a"}', b" " * 70_000),
    *(b'{"content":"\xff"}', b'{"content":"\\ud800"}', b'{"content":"a","content":"b"}'),
    b'{"content":"a","x":NaN}',
]
NUMBERS = ["0", "1", "20", "020", "100", "101", "-1", "+5", "%32", "x", "", str(2**63), "1&limit=2", "1&more"]
TIMES = [None, "1763718000.125", "", "x", "nan", "1e3", "-1"]
Answer = tuple[int, dict[bytes, bytes], Any]


class Row(dict[str, object]):
    """As a record of the database: a mapping that iterates over its values."""

    def __iter__(self) -> Any:
        return iter(self.values())


def application(read_routing: str) -> Backend:
    """Without a database: the content decides how a send ends, and every dialog holds three messages."""
    app = build(
        settings_for(
            "postgresql:///lab?host=/nowhere", read_routing=read_routing, postgres_replica_host="nowhere"
        ),
        Recorder(),
    )

    async def store(message: DialogMessage) -> Outcome:
        message.seq, message.created_at = 1, 1_763_718_000.125
        return {"again": "again", "other": "other_content"}.get(message.content, "stored")  # type: ignore[return-value]

    async def fetch(reader: int, statement: str, *arguments: Any) -> list[Row]:
        of = {"id": ID, "from_user_id": ME, "to_user_id": OTHER, "content": "a", "created_at": 0.5}
        return [Row({"seq": seq, **of}) for seq in (3, 2, 1)][: arguments[1]]

    app.sending.store = store
    app.reads.fetch = fetch  # type: ignore[method-assign,assignment]
    return app


@st.composite
def requests(draw: st.DrawFn, token: str) -> tuple[dict[str, Any], list[bytes]]:
    """(scope, body in chunks) of a send or a list; most parts of it are right most of the time."""

    def mostly(usual: Any, others: list[Any]) -> Any:
        return draw(st.one_of(st.just(usual), st.just(usual), st.sampled_from(others)))

    right = b"Bearer " + token.encode()
    words = [right.replace(b"Bearer", b"bearer"), b"Bearer  x", b"Basic x", b"Bearer", b""]
    headers = [(b"host", b"lab"), (b"authorization", mostly(right, words))]
    create = draw(st.booleans())
    body, query = b"", ""
    if create:
        message = {"content": draw(st.one_of(st.text(max_size=20), st.sampled_from(CONTENTS)))}
        message |= mostly({}, [{"id": id} for id in IDS]) | mostly({}, [{"more": [1]}])
        body = mostly(json.dumps(message).encode(), [*BODIES, draw(st.binary(max_size=20))])
        headers += [(b"content-type", mostly(JSON, TYPES)), (b"content-length", str(len(body)).encode())]
    else:
        names = st.sampled_from(["limit", "before", "after"])
        parts = draw(st.lists(st.tuples(names, st.sampled_from(NUMBERS)), max_size=2))
        query = "&".join(f"{name}={value}" for name, value in parts)
        if wrote_at := mostly(None, TIMES):
            headers.append((b"x-wrote-at", wrote_at.encode()))
    headers += mostly([], [[(b"authorization", one)] for one in (right, words[2])])
    headers += mostly([], [[(b"content-type", one)] for one in (JSON, b"text/plain")])
    where = f"/api/v1/dialog/{mostly('9', PATHS)}/{'create' if create else 'list'}/"
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
        **{"method": "POST" if create else "GET", "path": where, "raw_path": where.encode()},
        **{"query_string": query.encode(), "headers": headers, "root_path": ""},
        **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
    }
    cut = draw(st.integers(0, 30))
    return scope, [body[:cut], body[cut:]] if 0 < cut < len(body) else [body]


async def asked(way: Route, scope: dict[str, Any], chunks: list[bytes]) -> Answer:
    """(status, headers, body), without what differs from one answer to the next."""
    waiting = [
        {"type": "http.request", "body": one, "more_body": number < len(chunks)}
        for number, one in enumerate(chunks, 1)
    ]
    events: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        events.append(event)

    await way(dict(scope), receive, send)
    body = json.loads(b"".join(event["body"] for event in events[1:]))
    headers = {name: value for name, value in events[0]["headers"] if name != b"content-length"}
    if b"x-wrote-at" in headers:
        headers[b"x-wrote-at"] = b"a time"
    if "id" in body and body["id"] != ID:
        body["id"] = "a new one"
    return events[0]["status"], headers, body


@pytest.mark.parametrize("read_routing", ["primary", "replica_ryw"])
def test_both_ways_answer_the_same(read_routing: str):
    app = application(read_routing)
    assert isinstance(app.front, HotPath)
    short, route = app.front, app.front._route
    handed_on: list[dict[str, Any]] = []
    ends: set[tuple[int, bool]] = set()

    async def counted(*call: Any) -> None:
        handed_on.append(call[0])
        await route(*call)

    short._route = counted

    @settings(max_examples=2 * settings().max_examples, deadline=None, database=None)
    @given(requests(app.access.tokens.make(ME, 600)))
    def check(request: tuple[dict[str, Any], list[bytes]]) -> None:
        handed_on.clear()
        answer = asyncio.run(asked(short, *request))
        ends.add((answer[0], bool(handed_on)))
        assert answer == asyncio.run(asked(route, *request))

    check()
    assert ends >= {(200, False), (201, False)} and any(handed for _, handed in ends)
