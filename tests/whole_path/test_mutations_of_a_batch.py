"""The same for the sends that share a commit: one statement for many, while others send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from backend import queries
from backend.store import Store
from tests.waiting import eventually
from tests.whole_path.test_mutations_of_a_send import SEND, WAITING
from wire.message import DialogMessage, dialog_id_of

Pool = Any  # asyncpg's: its fetch is all that a batch needs of ours
Scenario = Callable[[Pool, Store], Awaitable[None]]
Mutation = Callable[[Pool, str], Awaitable[str]]


@asynccontextmanager
async def store_of(database: str, mutation: Mutation | None = None) -> AsyncIterator[tuple[Pool, Store]]:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        texts = queries.load()
        if mutation:
            texts["send_batch"] = await mutation(pool, texts["send_batch"])
        yield pool, Store(pool, pool, texts, outbox=False)  # type: ignore[arg-type]


async def users(pool: Pool, count: int) -> list[int]:
    rows = await pool.fetch(
        'INSERT INTO "user" (username, first_name, last_name, password_hash)'
        " SELECT 'test' || gen_random_uuid(), 'Ann', 'Lee', '!' FROM generate_series(1, $1) RETURNING id",
        count,
    )
    return [row[0] for row in rows]


def message(me: int, other: int, id: Any = None) -> DialogMessage:
    return DialogMessage(dialog_id_of(me, other), 0, id or uuid7(), me, other, "from elsewhere", 0.0)


def seqs(batch: list[DialogMessage]) -> list[int]:
    return [one.seq for one in batch]


@asynccontextmanager
async def meanwhile(pool: Pool, me: int, other: int, id: Any = None) -> AsyncIterator[Callable[[int], Any]]:
    """Another send of the dialog is under way, and committed at the end; gives a wait for those behind it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchval(SEND, dialog_id_of(me, other), id or uuid7(), me, other)

        async def wait(count: int) -> None:
            async def all_wait() -> bool:
                return bool(await pool.fetchval(WAITING) == count)

            await eventually(all_wait)

        yield wait


async def stored(pool: Pool, me: int, other: int) -> list[int]:
    rows = await pool.fetch(
        "SELECT seq FROM dialogmessage WHERE dialog_id = $1 ORDER BY seq", dialog_id_of(me, other)
    )
    return [row[0] for row in rows]


# --- scenarios


async def another_send_is_under_way(pool: Pool, store: Store) -> None:
    """I1: the batch waits for its commit, and comes after it."""
    me, other = await users(pool, 2)
    assert await store.send_batch([message(me, other)]) == []
    batch = [message(me, other), message(other, me)]
    async with meanwhile(pool, me, other) as wait:
        mine = asyncio.create_task(store.send_batch(batch))
        await wait(1)
    assert await mine == []
    assert seqs(batch) == [3, 4]


async def an_id_was_stored_before(pool: Pool, store: Store) -> None:
    """It is left to send_message, which says what was stored; its neighbours are stored."""
    me, other = await users(pool, 2)
    first = message(me, other)
    assert await store.send_batch([first]) == []
    again, new = message(me, other, first.id), message(me, other)
    assert await store.send_batch([again, new]) == [again]
    assert new.seq == 2
    assert await stored(pool, me, other) == [1, 2]


async def an_id_is_being_stored(pool: Pool, store: Store) -> None:
    """The batch cannot see it yet: it is refused whole, and each of it is sent by itself."""
    me, other = await users(pool, 2)
    assert await store.send_batch([message(me, other)]) == []
    id = uuid7()
    async with meanwhile(pool, me, other, id) as wait:
        mine = asyncio.create_task(store.send_batch([message(me, other), message(me, other, id)]))
        await wait(1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await mine
    assert await stored(pool, me, other) == [1, 2]


async def two_batches_of_the_same_dialogs(pool: Pool, store: Store) -> None:
    """None waits for one who waits for it, whatever the order in which the messages came."""
    me, *others = await users(pool, 4)
    a, b, c = others
    assert await store.send_batch([message(me, other) for other in others]) == []
    async with meanwhile(pool, me, c) as wait:
        batches = [[message(me, other) for other in order] for order in ((a, c, b), (b, c, a))]
        both = [asyncio.create_task(store.send_batch(batch)) for batch in batches]
        await wait(2)
    ends = await asyncio.gather(*both, return_exceptions=True)
    assert ends == [[], []]
    assert await stored(pool, me, c) == [1, 2, 3, 4]


# --- mutations


def changed(text: str, before: str, after: str) -> str:
    assert before in text
    return text.replace(before, after)


async def the_highest_and_one_more(_pool: Pool, text: str) -> str:
    highest = "(SELECT coalesce(max(m.seq), 0) FROM dialogmessage AS m WHERE m.dialog_id = f.dialog_id)"
    return changed(text, "b.last_seq - f.before_last AS seq", f"{highest} + 1 + f.before_last AS seq")


async def no_idempotency_key(pool: Pool, text: str) -> str:
    await pool.execute("ALTER TABLE dialogmessage DROP CONSTRAINT dialogmessage_dialog_id_id_key")
    return text


async def no_look_for_the_id_either(pool: Pool, text: str) -> str:
    text = await no_idempotency_key(pool, text)
    look = "NOT EXISTS (SELECT FROM dialogmessage AS m WHERE m.dialog_id = i.dialog_id AND m.id = i.id)"
    return changed(text, look, "true")


async def dialogs_as_they_came(_pool: Pool, text: str) -> str:
    return changed(text, "ORDER BY f.dialog_id\n", "ORDER BY min(f.place)\n")


PAIRS: list[tuple[Scenario, Mutation]] = [
    (another_send_is_under_way, the_highest_and_one_more),
    (an_id_was_stored_before, no_look_for_the_id_either),
    (an_id_is_being_stored, no_idempotency_key),
    (two_batches_of_the_same_dialogs, dialogs_as_they_came),
]


async def test_it_holds(database: str):
    async with store_of(database) as (pool, store):
        for scenario, _ in PAIRS:
            await scenario(pool, store)


@pytest.mark.parametrize(("scenario", "mutation"), PAIRS, ids=lambda one: one.__name__)
async def test_it_fails_without(database: str, scenario: Scenario, mutation: Mutation):
    async with store_of(database, mutation) as (pool, store):
        with pytest.raises((AssertionError, asyncpg.PostgresError, pytest.fail.Exception)):
            await scenario(pool, store)
