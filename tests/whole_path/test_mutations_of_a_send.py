"""The same for what a send promises by itself: held by the database, and by the queue to the broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from backend import schema
from backend.sending import Sending
from tests.backend.running import Recorder, Running, running, settings_for
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.message import DialogMessage, dialog_id_of

# How long an answer is waited for: it comes, it does not.
HOLDS_SECONDS, FAILS_SECONDS = PATIENCE_SECONDS, 1.0
patience = HOLDS_SECONDS

SEND = "SELECT seq FROM send_message($1, $2, $3, $4, 'from elsewhere', false)"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
LOCK = """    UPDATE dialog AS d
       SET last_seq = d.last_seq + 1
     WHERE d.dialog_id = p_dialog_id
    RETURNING d.last_seq INTO next_seq;
"""


class HangingBroker(Recorder):
    """Takes the hints, and does not say so before it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = asyncio.Event()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        await self.freed.wait()


@asynccontextmanager
async def api(database: str, **given: Any) -> AsyncIterator[Running]:
    broker = HangingBroker()
    async with running(settings_for(database, **given), broker) as backend:
        try:
            yield backend
        finally:
            broker.freed.set()


Scenario = Callable[[Running], Awaitable[None]]
Mutation = Callable[[Running, pytest.MonkeyPatch], Awaitable[None]]


async def sent(backend: Running, me: int, other: int, id: object = None) -> tuple[int, int]:
    """(status, seq) of a send."""
    async with asyncio.timeout(patience):
        answer = await backend.send(me, other, id=id)
    return answer.status_code, answer.json().get("seq", 0)


# --- scenarios


async def another_send_is_under_way(backend: Running) -> None:
    """I1: the second waits for the first one's commit, and comes after it."""
    me, other = await backend.users()
    await backend.send(me, other)
    async with backend.database.transaction():
        assert await backend.database.fetchval(SEND, dialog_id_of(me, other), uuid7(), other, me) == 2
        mine = asyncio.create_task(sent(backend, me, other))
        looking = await asyncpg.connect(backend.app.settings.postgres_dsn())
        await eventually(lambda: looking.fetchval(WAITING))
        await looking.close()
    assert await mine == (201, 3)


async def another_send_is_rolled_back(backend: Running) -> None:
    """I1: no gaps."""
    me, other = await backend.users()
    await backend.send(me, other)
    with suppress(ZeroDivisionError):
        async with backend.database.transaction():
            await backend.database.fetchval(SEND, dialog_id_of(me, other), uuid7(), other, me)
            raise ZeroDivisionError
    assert await sent(backend, me, other) == (201, 2)


async def a_send_is_repeated(backend: Running) -> None:
    """The id is the key: the answer to the first try may have been lost."""
    me, other = await backend.users()
    id = uuid7()
    assert await sent(backend, me, other, id) == (201, 1)
    assert await sent(backend, me, other, id) == (200, 1)


async def the_broker_hangs(backend: Running) -> None:
    """I5: no request waits for it."""
    me, other = await backend.users()
    assert await sent(backend, me, other) == (201, 1)
    assert await sent(backend, me, other) == (201, 2)


# --- mutations


async def replace(backend: Running, *changes: tuple[str, str]) -> None:
    """Another send_message: with these parts of its text changed."""
    text = (schema.FOLDER / "schema.sql").read_text()
    text = "CREATE OR REPLACE FUNCTION send_message(" + text.partition("FUNCTION send_message(")[2]
    text = text.partition("$send$;")[0] + "$send$;"
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    await backend.database.execute(text)


async def no_row_lock(backend: Running, _patch: pytest.MonkeyPatch) -> None:
    """The way it is done most often: the highest there is, and one more."""
    highest = "(SELECT max(m.seq) FROM dialogmessage AS m WHERE m.dialog_id = p_dialog_id)"
    of_dialog = "FROM dialog AS d WHERE d.dialog_id = p_dialog_id"
    await replace(backend, (LOCK, f"SELECT coalesce({highest}, 0) + 1 INTO next_seq {of_dialog};\n"))


async def numbers_of_a_sequence(backend: Running, _patch: pytest.MonkeyPatch) -> None:
    """A sequence does not roll back."""
    await backend.database.execute("CREATE SEQUENCE numbers START 2")
    of_dialog = "FROM dialog AS d WHERE d.dialog_id = p_dialog_id"
    await replace(backend, (LOCK, f"SELECT nextval('numbers') INTO next_seq {of_dialog};\n"))


async def no_idempotency_key(backend: Running, _patch: pytest.MonkeyPatch) -> None:
    await backend.database.execute("ALTER TABLE dialogmessage DROP CONSTRAINT dialogmessage_dialog_id_id_key")
    await replace(backend, ("    ON CONFLICT (dialog_id, id) DO NOTHING\n", ""))


async def the_request_publishes(_backend: Running, patch: pytest.MonkeyPatch) -> None:
    send = Sending.send

    async def and_publish(self: Sending, *given: Any) -> tuple[bool, DialogMessage]:
        new, message = await send(self, *given)
        await self._publish._publisher.publish([message])
        return new, message

    patch.setattr(Sending, "send", and_publish)


PAIRS: list[tuple[Scenario, Mutation]] = [
    (another_send_is_under_way, no_row_lock),
    (another_send_is_rolled_back, numbers_of_a_sequence),
    (a_send_is_repeated, no_idempotency_key),
    (the_broker_hangs, the_request_publishes),
]


@pytest.mark.parametrize("group_commit", ["on", "off"])
@pytest.mark.parametrize("scenario", dict(PAIRS), ids=lambda one: one.__name__)
async def test_it_holds(database: str, scenario: Scenario, group_commit: str):
    async with api(database, group_commit=group_commit) as backend:
        await scenario(backend)


@pytest.mark.parametrize(("scenario", "mutation"), PAIRS, ids=lambda one: one.__name__)
async def test_it_fails_without(
    database: str, scenario: Scenario, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
):
    async with api(database) as backend:
        await mutation(backend, monkeypatch)
        monkeypatch.setitem(globals(), "patience", FAILS_SECONDS)
        with pytest.raises((AssertionError, TimeoutError)):
            await scenario(backend)
