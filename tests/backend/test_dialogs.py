"""Send and list: what is answered, what is refused, what is promised about seq."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backend.twins import TWINS
from tests.backend.running import Recorder, Running, Start
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.message import CONTENT_MAX_CHARACTERS, DialogMessage, dialog_id_of

WAYS = [
    {"group_commit": "on"},
    {"group_commit": "off"},
    *({"query_path": name} for name in ("fastapi", *TWINS)),
]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way.values()))
async def either(start: Start, request: pytest.FixtureRequest) -> Running:
    """A backend in each of its ways."""
    return await start(**request.param)


async def test_a_send_answers_with_the_stored_message(either: Running):
    me, other = await either.users()
    identifier = uuid4()
    answer = await either.send(me, other, "hello", identifier)
    assert answer.status_code == 201
    body = answer.json()
    row = await either.database.fetchrow(
        "SELECT *, extract(epoch FROM created_at)::double precision AS at FROM dialogmessage"
    )
    assert row is not None
    assert body == {
        "dialog_id": str(dialog_id_of(me, other)),
        "seq": 1,
        "id": str(identifier),
        "from_user_id": me,
        "to_user_id": other,
        "content": "hello",
        "created_at": row["at"],
    }
    assert (row["from_user_id"], row["to_user_id"], row["content"]) == (me, other, "hello")


async def test_a_send_is_followed_by_its_hint(either: Running):
    me, other = await either.users()
    body = (await either.send(me, other, "hello")).json()
    await eventually(lambda: either.publisher.hints)
    (hint,) = either.publisher.hints
    assert (hint.seq, str(hint.id), hint.content, hint.created_at) == (
        1,
        body["id"],
        "hello",
        body["created_at"],
    )


async def test_the_same_id_again_is_answered_with_the_first_message(either: Running):
    me, other = await either.users()
    identifier = uuid4()
    first = await either.send(me, other, "hello", identifier)
    await either.send(me, other, "in between")
    again = await either.send(me, other, "hello", identifier)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert (await either.send(me, other, "next")).json()["seq"] == 3


async def test_the_same_id_with_other_words_is_refused(either: Running):
    me, other = await either.users()
    identifier = uuid4()
    await either.send(me, other, "hello", identifier)
    assert (await either.send(me, other, "not hello", identifier)).status_code == 409
    assert (await either.send(other, me, "hello", identifier)).status_code == 409


async def test_one_id_sent_many_times_at_once_is_one_row(either: Running):
    me, other = await either.users()
    identifier = uuid4()
    answers = await asyncio.gather(*(either.send(me, other, "hello", identifier) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert {answer.json()["seq"] for answer in answers} == {1}
    assert (await either.send(me, other)).json()["seq"] == 2


async def test_seq_has_no_gaps_whatever_happens_at_once(start: Start):
    """Two processes, few dialogs, repeated ids, unknown users among them."""
    first, second = await start(), await start()
    users = await first.users(4)
    source = random.Random(7)
    sends = []
    for _ in range(150):
        me, other = source.sample(users, 2)
        identifier = uuid4()
        for _ in range(source.choice([1, 1, 1, 2])):
            sends.append(source.choice([first, second]).send(me, other, "x", identifier))
        if source.random() < 0.1:
            sends.append(source.choice([first, second]).send(me, 10**9, "x"))
    source.shuffle(sends)
    answers = await asyncio.gather(*sends)
    assert {answer.status_code for answer in answers} == {200, 201, 404}
    rows = await first.database.fetch(
        "SELECT dialog_id, array_agg(seq ORDER BY seq) AS seqs,"
        " array_agg(seq ORDER BY created_at, seq) AS by_time"
        " FROM dialogmessage GROUP BY dialog_id"
    )
    for row in rows:
        assert row["seqs"] == list(range(1, len(row["seqs"]) + 1))
        assert row["by_time"] == row["seqs"]
    assert sum(len(row["seqs"]) for row in rows) == 150
    assert {a.json()["id"]: a.json()["seq"] for a in answers if a.status_code < 300} == {
        str(row["id"]): row["seq"] for row in await first.database.fetch("SELECT id, seq FROM dialogmessage")
    }


BODIES: list[tuple[object, int]] = [
    ({"content": "x" * CONTENT_MAX_CHARACTERS}, 201),
    ({"content": "\U0001f600" * CONTENT_MAX_CHARACTERS}, 201),
    ({"content": "x" * (CONTENT_MAX_CHARACTERS + 1)}, 422),
    ({"content": ""}, 422),
    ({"content": "a\0b"}, 422),
    ({"content": 7}, 422),
    ({"content": "x", "id": "no"}, 422),
    ({}, 422),
    ([], 422),
]


async def test_content_is_checked(either: Running):
    me, other = await either.users()
    for body, status in BODIES:
        answer = await either.client.post(
            f"/api/v1/dialog/{other}/create/", json=body, headers=either.headers(me)
        )
        assert answer.status_code == status, (body, answer.text)
        if status == 422:
            assert isinstance(answer.json()["detail"], str)


async def test_a_malformed_body_is_refused(backend: Running):
    me, other = await backend.users()
    for body in (b"{", b"", b'{"content": "\\ud800"}', b"\xff", b'{"content": "x"'):
        answer = await backend.client.post(
            f"/api/v1/dialog/{other}/create/",
            content=body,
            headers={**backend.headers(me), "content-type": "application/json"},
        )
        assert answer.status_code == (400 if body == b"\xff" else 422)
        assert isinstance(answer.json()["detail"], str)


async def test_a_send_to_nobody_or_to_myself_is_refused(either: Running):
    (me,) = await either.users(1)
    assert (await either.send(me, me)).status_code == 422
    assert (await either.send(me, me + 1000)).status_code == 404
    for user in ("0", "-1", "abc", str(2**63)):
        answer = await either.client.post(
            f"/api/v1/dialog/{user}/create/", json={"content": "x"}, headers=either.headers(me)
        )
        assert answer.status_code == 422
    assert await either.database.fetchval("SELECT count(*) FROM dialog") == 0


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_too_large_body_is_refused_before_it_is_read(backend: Running, chunked: bool):
    """It is announced with 1 GB, or goes on beyond the limit without an end."""
    me, other = await backend.users()
    base = backend.client.base_url
    reader, writer = await asyncio.open_connection(base.host, base.port)
    framing = "transfer-encoding: chunked" if chunked else "content-length: 1000000000"
    writer.write(
        f"POST /api/v1/dialog/{other}/create/ HTTP/1.1\r\nhost: x\r\n{framing}\r\n"
        f"authorization: {backend.headers(me)['authorization']}\r\n\r\n".encode()
    )
    writer.write(b"11000\r\n" + b"x" * 0x11000 if chunked else b"{")
    answer = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionResetError):  # so it ends where the server had not read all that was written
            while part := await reader.read(65_536):  # until the server hangs up
                answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'{"detail":"The body is larger' in answer
    writer.close()


async def test_a_body_in_chunks_is_taken(backend: Running):
    me, other = await backend.users()

    async def chunks():
        for part in (b'{"content": ', b'"in par', b'ts"}'):
            yield part
            await asyncio.sleep(0)

    answer = await backend.client.post(
        f"/api/v1/dialog/{other}/create/",
        content=chunks(),
        headers={**backend.headers(me), "content-type": "application/json"},
    )
    assert answer.status_code == 201
    assert answer.json()["content"] == "in parts"


async def test_both_users_list_the_same_dialog(either: Running):
    me, other = await either.users()
    for content in "abc":
        await either.send(me, other, content)
    await either.send(other, me, "d")
    page = await either.page(me, other)
    assert [item["content"] for item in page["items"]] == list("dcba")
    assert page["next"] is None
    assert page == await either.page(other, me)


async def test_a_dialog_that_never_was_is_empty(either: Running):
    me, other = await either.users()
    assert await either.page(me, other) == {"items": [], "next": None}


async def test_an_odd_page_is_refused(either: Running):
    me, other = await either.users()
    for query in ("limit=0", "limit=101", "limit=x", "before=1&after=1", "before=-1", "after="):
        answer = await either.client.get(f"/api/v1/dialog/{other}/list/?{query}", headers=either.headers(me))
        assert answer.status_code == 422, query
        assert isinstance(answer.json()["detail"], str)


async def test_pages_neither_double_nor_hide_a_row_while_others_write(either: Running):
    """Any page size, both ways, with sends between the pages."""
    me, other = await either.users()
    for number in range(30):
        await either.send(me, other, str(number))

    async def walk(way: str, limit: int, writes: list[bool]) -> list[int]:
        seqs: list[int] = []
        position: dict[str, int] = {} if way == "before" else {"after": 0}
        for step in range(1000):  # more pages than there can be
            page = await either.page(me, other, limit=limit, **position)
            seqs += [item["seq"] for item in page["items"]]
            if page["next"] is None:
                break
            position = {way: page["next"]}
            if writes[step % len(writes)] and step < 5:
                await either.send(other, me, "meanwhile")
        return seqs

    loop = asyncio.get_running_loop()

    @given(
        st.sampled_from(["before", "after"]),
        st.integers(1, 40),
        st.lists(st.booleans(), min_size=1, max_size=5),
    )
    @hypothesis_settings(max_examples=15, deadline=None)
    def check(way: str, limit: int, writes: list[bool]) -> None:
        stored = asyncio.run_coroutine_threadsafe(_last(either, me, other), loop).result(60)
        seqs = asyncio.run_coroutine_threadsafe(walk(way, limit, writes), loop).result(60)
        if way == "before":
            assert seqs == list(range(seqs[0], 0, -1))
            assert seqs[0] == stored
        else:
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(seqs) >= stored

    await asyncio.to_thread(check)


async def _last(backend: Running, me: int, other: int) -> int:
    return int((await backend.page(me, other, limit=1))["items"][0]["seq"])


async def test_my_dialogs_come_with_the_other_user_page_by_page(backend: Running):
    me, *others = await backend.users(8)
    for number, other in enumerate(others):
        for _ in range(number + 1):
            await (backend.send(me, other) if number % 2 else backend.send(other, me))
    found: list[dict[str, object]] = []
    position: dict[str, str] = {}
    while True:
        answer = await backend.client.get(
            "/api/v1/dialogs/", params={"limit": "3", **position}, headers=backend.headers(me)
        )
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            break
        position = {"after": page["next"]}
    assert {item["user_id"]: item["last_seq"] for item in found} == {
        other: number + 1 for number, other in enumerate(others)
    }
    assert len(found) == 7
    assert set(found[0]) == {"dialog_id", "user_id", "username", "first_name", "last_name", "last_seq"}


class Searching(Recorder):
    """A broker that is away, which takes the publisher as long to find out as the test likes."""

    def __init__(self) -> None:
        super().__init__(away=True)
        self.found_out = asyncio.Event()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        await self.found_out.wait()
        await super().publish(hints)


async def test_a_send_does_not_wait_for_a_broker_that_is_away(start: Start):
    recorder = Searching()
    backend = await start(recorder)
    me, other = await backend.users()
    assert (await backend.send(me, other)).status_code == 201
    assert backend.app.metrics.hints_waiting == 1
    recorder.found_out.set()
    await eventually(lambda: backend.app.metrics.hints_failed == 1)


async def test_the_outbox_publishes_what_the_broker_missed(start: Start):
    recorder = Recorder(away=True)
    backend = await start(recorder, delivery="outbox")
    me, other = await backend.users()
    await backend.send(me, other, "late")
    await eventually(lambda: backend.app.metrics.hints_failed == 1)
    assert await backend.database.fetchval("SELECT count(*) FROM outbox") == 1
    recorder.away = False
    await eventually(lambda: recorder.hints)
    assert recorder.hints[0].content == "late"
    await eventually(lambda: backend.database.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)"))


async def test_a_full_publish_queue_drops_and_counts(start: Start):
    recorder = Recorder()
    backend = await start(recorder)
    me, other = await backend.users()
    backend.app.publish.capacity = 0
    assert (await backend.send(me, other)).status_code == 201
    assert backend.app.metrics.hints_dropped == 1
