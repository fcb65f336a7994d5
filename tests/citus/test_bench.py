"""`lab bench citus` on a real cluster: every statement of the path, on plain tables and on sharded ones."""

import pytest

from lab.bench.citus.contenders import CONTENDERS, GATHERED, PLAIN
from lab.bench.citus.run import compare
from tests.citus.conftest import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
# Each database takes seconds to make: one of each kind. How many workers and shards changes only figures.
ASKED = [one for one in CONTENDERS if one.inbox or one.gathered or one.key == "id"]

# Tasks of each statement of EXPLAINED, in its order.
TASKS = {
    PLAIN: (0, 0, 0, 0, 0, 0, 0, 0),
    GATHERED: (0, 0, 0, 0, 0, 0, 0, 0),
    "2 workers 32 shards": (1, 1, 66, 65, 32, 32, 32, 32),
    "2 workers 1 shard by id": (0, 1, 1, 1, 1, 1, None, 1),
    "2 workers 6 shards by id": (0, 6, 14, 13, 14, 6, None, 6),
    "2 workers 32 shards by id": (0, 32, 66, 65, 66, 32, None, 32),
}


async def test_every_contender_answers_everything_without_an_error(servers: Cluster):
    tasks, cells = await compare(
        ASKED, servers.coordinator, servers.workers, rounds=1, seconds=0.5, home=servers.home, tell=print
    )
    assert {(one.contender, one.cell) for one in cells} == {
        (one.name, cell) for one in ASKED for cell in one.cells()
    }
    assert [(one.contender, one.cell, one.first_error) for one in cells if one.errors] == []
    assert all(one.answered for one in cells)
    assert {name: tuple(counts.values()) for name, counts in tasks.items()} == {
        name: TASKS[name] for name in tasks
    }
