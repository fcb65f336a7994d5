"""Group commit: who shares a commit, and that nobody pays for a neighbour."""

import asyncio
import itertools
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.group_commit import GroupCommit
from backend.metrics import Metrics
from tests.backend.running import Running, Start
from tests.waiting import eventually
from wire.message import DialogMessage, dialog_id_of


async def test_sends_that_arrive_together_share_a_commit(backend: Running):
    users = await backend.users(40)
    async with backend.database.transaction():
        await backend.database.execute("LOCK TABLE dialogmessage IN SHARE MODE")  # the first one waits
        sends = asyncio.gather(*(backend.send(a, b) for a, b in itertools.pairwise(users)))
        await eventually(lambda: len(backend.app.group_commit._waiting) == 38)
    assert {answer.status_code for answer in await sends} == {201}
    sizes = backend.app.metrics.batch_sizes
    assert sizes.sum == 39
    assert sum(sizes.counts) == 2


async def test_a_message_that_fails_does_not_fail_its_neighbours(backend: Running):
    """One to nobody, one that the database refuses, one id twice, in the middle of good ones."""
    users = await backend.users(10)
    me, other = users[:2]
    twice = uuid4()

    def message(sender: int, receiver: int, content: str = "good", id: UUID | None = None) -> DialogMessage:
        return DialogMessage(
            dialog_id_of(sender, receiver),
            0,
            id or uuid4(),
            sender,
            receiver,
            content,
            0.0,
        )

    batch = [
        *(message(me, receiver) for receiver in users[2:6]),
        message(me, 10**9),
        message(me, other, "bad \0 text"),
        message(me, other, "same", twice),
        message(me, other, "same", twice),
        *(message(me, receiver) for receiver in users[6:]),
    ]
    outcomes = await asyncio.gather(
        *(backend.app.group_commit.send(one) for one in batch), return_exceptions=True
    )
    assert outcomes[:4] == outcomes[8:] == ["stored"] * 4
    assert outcomes[4] == "no_recipient"
    assert isinstance(outcomes[5], asyncpg.PostgresError)
    assert sorted(map(str, outcomes[6:8])) == ["again", "stored"]
    assert batch[6].seq == batch[7].seq == 1
    assert backend.app.metrics.batches_retried == 1
    assert await backend.database.fetchval("SELECT count(*) FROM dialogmessage") == 9


async def test_a_lone_message_goes_straight_to_the_store():
    """Not one turn of the loop later than without group commit; and who comes meanwhile, together."""

    class Store:
        def __init__(self) -> None:
            self.calls: list[int] = []
            self.go_on = asyncio.Event()

        async def send(self, message: DialogMessage) -> str:
            self.calls.append(1)
            await self.go_on.wait()
            return "stored"

        async def send_batch(self, messages: list[DialogMessage]) -> list[DialogMessage]:
            self.calls.append(len(messages))
            return []

    def message() -> DialogMessage:
        return DialogMessage(dialog_id_of(1, 2), 0, uuid4(), 1, 2, "x", 0.0)

    store = Store()
    committer = GroupCommit(store, Metrics())  # type: ignore[arg-type]
    running = asyncio.create_task(committer.run())
    await asyncio.sleep(0)
    lone = committer.send(message())
    waits_for_the_store = lone.send(None)  # its first step, without the loop
    assert store.calls == [1]
    others = [asyncio.create_task(committer.send(message())) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert store.calls == [1]
    store.go_on.set()
    await asyncio.sleep(0)
    assert waits_for_the_store.done()
    with pytest.raises(StopIteration, match="stored"):
        lone.send(None)
    assert await asyncio.gather(*others) == ["stored"] * 3
    assert store.calls == [1, 3]
    running.cancel()


async def test_a_lone_message_that_fails_lets_the_next_ones_through(backend: Running):
    me, other, third = await backend.users(3)
    bad = DialogMessage(dialog_id_of(me, other), 0, uuid4(), me, other, "bad \0 text", 0.0)
    with pytest.raises(asyncpg.PostgresError):
        await backend.app.group_commit.send(bad)
    answers = await asyncio.gather(*(backend.send(me, third) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}


async def test_processes_that_batch_the_same_dialogs_do_not_deadlock(start: Start):
    first, second = await start(), await start()
    users = await first.users(12)
    pairs = [(a, b) for a in users for b in users if a < b]
    answers = await asyncio.gather(
        *(first.send(a, b) for a, b in pairs), *(second.send(b, a) for a, b in reversed(pairs))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert first.app.metrics.batches_retried == second.app.metrics.batches_retried == 0
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await first.database.fetchval(deadlocks) == 0


@pytest.mark.parametrize("group_commit", ["on", "off"])
async def test_health_says_whether_sends_are_batched(start: Start, group_commit: str):
    backend = await start(group_commit=group_commit)
    page = (await backend.client.get("/health")).json()
    assert page["effective"]["group_commit"] == group_commit


async def test_on_citus_nothing_is_batched(start: Start):
    """What a process takes for Citus is a database with that extension; here a row says so."""
    plain = await start(group_commit="on")
    await plain.database.execute(
        "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " SELECT 1, 'citus', extowner, extnamespace, false, '13' FROM pg_extension LIMIT 1"
    )
    backend = await start(group_commit="on")
    page = (await backend.client.get("/health")).json()
    assert page["effective"]["database"] == "citus"
    assert page["effective"]["group_commit"] == "off"
    me, other = await backend.users()
    assert (await backend.send(me, other)).status_code == 201
