"""The database goes away and comes back: 503 with a sentence, then answers again, nothing twice."""

import asyncio
from uuid import uuid4

import pytest

from backend.pools import PAUSES_SECONDS
from tests.backend.running import Running, Start
from tests.waiting import PATIENCE_SECONDS, eventually

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_broken_connections_are_replaced(backend: Running):
    me, other = await backend.users()
    await backend.database.execute(KILL)
    identifier = uuid4()

    async def until_stored() -> list[int]:
        statuses: list[int] = []
        while not statuses or statuses[-1] >= 300:
            statuses.append((await backend.send(me, other, "x", identifier)).status_code)
        return statuses

    statuses = await asyncio.wait_for(until_stored(), PATIENCE_SECONDS)
    assert set(statuses) <= {200, 201, 503}
    assert await backend.database.fetchval("SELECT count(*) FROM dialogmessage") == 1
    await eventually(lambda: backend.app.pool.open == 4)


async def test_sends_under_way_when_connections_break_are_stored_once(backend: Running):
    """Those that get 503 are sent again with their id."""
    me, other = await backend.users()

    async def insist() -> None:
        identifier = uuid4()
        while (await backend.send(me, other, "x", identifier)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    sends = asyncio.gather(*(insist() for _ in range(200)))
    pause = 0.05
    while not sends.done():
        await backend.database.execute(KILL)
        await asyncio.sleep(pause)
        pause *= 1.1  # or a machine on which it takes longer to connect than that would get nowhere
    await sends
    seqs = await backend.database.fetchval("SELECT array_agg(seq ORDER BY seq) FROM dialogmessage")
    assert seqs == list(range(1, 201))


async def test_no_free_connection_is_a_503_in_time(start: Start):
    backend = await start(pool_size=1, group_commit="off", pool_wait_seconds=0.2)
    me, other = await backend.users()
    await backend.send(me, other)
    transaction = backend.database.transaction()
    await transaction.start()
    await backend.database.execute("UPDATE dialog SET last_seq = last_seq")
    stuck = asyncio.create_task(backend.send(me, other))
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    await eventually(lambda: backend.database.fetchval(waits))  # it is in the database, with the connection
    answer = await backend.send(me, other)
    assert answer.status_code == 503
    assert not stuck.done(), "nobody gave the connection back"
    assert answer.headers["retry-after"] == "1"
    assert (await backend.client.get("/metrics")).text.count("count_5xx_total 1.0") == 1
    await transaction.rollback()
    assert (await stuck).status_code == 201


async def test_a_short_cut_is_not_seen_by_who_sends(backend: Running, monkeypatch: pytest.MonkeyPatch):
    """Every statement may be done twice: the id decides. So it is, before the client hears of a failure."""
    slower = tuple(4 * pause for pause in PAUSES_SECONDS)  # as many tries, for a machine that is slower too
    monkeypatch.setattr("backend.pools.PAUSES_SECONDS", slower)
    me, other = await backend.users()

    async def cut() -> None:
        for _ in PAUSES_SECONDS:  # one statement may meet them all, and is tried once more
            await asyncio.sleep(0.05)
            await backend.database.execute(KILL)

    statuses: list[int] = []

    async def send_and_list() -> None:
        for _ in range(30):
            statuses.append((await backend.send(me, other)).status_code)
            await backend.page(me, other, limit=1)

    await asyncio.gather(cut(), *(send_and_list() for _ in range(5)))
    assert set(statuses) <= {200, 201}  # 200: the first try was stored, its answer was lost
    seqs = await backend.database.fetchval("SELECT array_agg(seq ORDER BY seq) FROM dialogmessage")
    assert seqs == list(range(1, 151))


@pytest.mark.parametrize("group_commit", ["on", "off"])
async def test_a_table_that_is_elsewhere_for_a_moment_is_not_seen_by_who_sends(
    start: Start, group_commit: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """As a shard of Citus that moved while a plan still names its old place (42P01)."""
    monkeypatch.setattr("backend.pools.PAUSES_SECONDS", (0.2, 2.0, 10.0))  # a moment, on any machine
    caplog.set_level("INFO", "backend.pools")
    backend = await start(group_commit=group_commit)
    me, other = await backend.users()
    assert (await backend.send(me, other)).status_code == 201
    await backend.database.execute("ALTER TABLE dialogmessage RENAME TO moved")
    sends = [asyncio.create_task(backend.send(me, other)) for _ in range(3)]
    reads = asyncio.create_task(backend.page(me, other))
    await eventually(lambda: caplog.text.count("again in") >= 2)  # a send and the page have missed it
    await backend.database.execute("ALTER TABLE moved RENAME TO dialogmessage")
    assert {(await send).status_code for send in sends} == {201}
    assert (await reads)["items"]
    seqs = await backend.database.fetchval("SELECT array_agg(seq ORDER BY seq) FROM dialogmessage")
    assert seqs == [1, 2, 3, 4]


async def test_a_plan_for_a_column_that_changed_is_made_anew(backend: Running):
    """What PostgreSQL calls "cached plan must not change result type" (0A000)."""
    me, other = await backend.users()
    await backend.send(me, other)
    before = await backend.page(me, other)
    await backend.database.execute("ALTER TABLE dialogmessage ALTER COLUMN content TYPE varchar(5000)")
    assert await backend.page(me, other) == before
    assert (await backend.send(me, other)).status_code == 201
