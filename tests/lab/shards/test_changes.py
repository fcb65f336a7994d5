"""A change that has to try again."""

from typing import Any, cast

import asyncpg
import pytest

from lab.errors import LabError
from lab.shards import changes
from lab.shards.cluster import Cluster


class Locked:
    """A coordinator whose tables are locked by somebody else for the first tries."""

    def __init__(self, tries: int) -> None:
        self.tries = tries
        self.said: list[str] = []

    async def fetchrow(self, statement: str) -> None:
        return None  # no rebalance

    async def execute(self, statements: str) -> None:
        self.said.append(statements.split(";", maxsplit=1)[0])
        if statements != "ROLLBACK" and self.said.count("BEGIN") <= self.tries:
            raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")


async def test_a_count_tries_again_for_its_locks_each_time_from_the_begin():
    connection = Locked(2)
    await changes.change_count(Cluster(cast("Any", connection)), 6)
    assert connection.said == ["BEGIN", "ROLLBACK", "BEGIN", "ROLLBACK", "BEGIN"]


async def test_a_count_that_gets_no_locks_gives_up_outside_a_transaction():
    connection = Locked(99)
    with pytest.raises(LabError, match="could not be locked in 5 tries"):
        await changes.change_count(Cluster(cast("Any", connection)), 6)
    assert connection.said == ["BEGIN", "ROLLBACK"] * 5
