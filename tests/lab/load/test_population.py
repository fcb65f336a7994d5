"""Who takes part: drawn from the database by the seed, made up only where there are too few."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from lab.errors import LabError
from lab.load import population
from lab.load.population import Dialog
from wire.message import dialog_id_of, users_of

pytestmark = pytest.mark.integration


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def people(database: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    statement = (
        "INSERT INTO \"user\" (id, username, first_name, last_name, password_hash) SELECT n, 'user' || n, "
    )
    await connection.execute(statement + "'Ann' || n, 'B', 'x' FROM generate_series(1, 40) AS n")
    for low in range(1, 21):
        await connection.execute(
            "INSERT INTO dialog VALUES ($1, $2, $3, $4)", dialog_id_of(low, low + 20), low, low + 20, low
        )
    return connection


async def test_nobody_there_is_an_error(connection):
    with pytest.raises(LabError, match="lab seed"):
        await population.choose(connection, 5, 5, 1)


async def test_same_seed_chooses_the_same(people):
    assert await population.choose(people, 8, 10, 3) == await population.choose(people, 8, 10, 3)
    assert (await population.choose(people, 8, 10, 3)).dialogs != (
        await population.choose(people, 8, 10, 4)
    ).dialogs


async def test_dialogs_of_the_database_come_with_their_newest_seq(people):
    found = await population.choose(people, 20, 0, 1)
    assert {one.newest for one in found.dialogs} == set(range(1, 21))
    assert all(users_of(one.id) == (one.low, one.high) for one in found.dialogs)
    assert found.first_names == ["Ann"]


async def test_longest_dialogs_first_where_history_is_the_point(people):
    found = await population.choose(people, 3, 0, 1, longest=True)
    assert [one.newest for one in found.dialogs] == [20, 19, 18]


async def test_too_few_dialogs_are_made_up_between_users_who_are_there(people):
    found = await population.choose(people, 60, 0, 1)
    assert len(found.dialogs) == 60 == len({one.id for one in found.dialogs})
    assert all(1 <= one.low < one.high <= 40 for one in found.dialogs)
    assert sum(one.newest == 0 for one in found.dialogs) == 40


async def test_listeners_are_the_dialogs_users_then_others_then_second_devices(people):
    few = await population.choose(people, 4, 6, 1)
    in_dialogs = {user for one in few.dialogs for user in (one.low, one.high)}
    assert len(set(few.listeners)) == 6 and set(few.listeners) <= in_dialogs
    more = await population.choose(people, 4, 20, 1)
    assert len(set(more.listeners)) == 20 and in_dialogs <= set(more.listeners)
    most = await population.choose(people, 4, 50, 1)
    assert len(most.listeners) == 50 and len(set(most.listeners)) == 40


async def test_disabled_users_take_no_part(people):
    await people.execute('UPDATE "user" SET disabled_at = now() WHERE id <= 10')
    found = await population.choose(people, 30, 30, 1)
    assert min(min(one.low, one.high) for one in found.dialogs) > 10
    assert min(found.listeners) > 10


async def test_stored_is_what_came_since(people):
    mine = Dialog(dialog_id_of(1, 21), 1, 21, 1)
    for seq in (1, 2, 3):
        await people.execute(
            "INSERT INTO dialogmessage (dialog_id, seq, id, from_user_id, to_user_id, content) "
            "VALUES ($1, $2, gen_random_uuid(), 1, 21, 'x')",
            mine.id,
            seq,
        )
    assert sorted(row[1] for row in await population.stored(people, [mine])) == [2, 3]
