"""A step on a cluster that answers with an error: one line that says what to do."""

from typing import Any, cast

import asyncpg
import pytest

from lab.errors import LabError
from lab.shards import steps
from lab.stack.description import Database

WORDS = "connection to the remote node failed: Connection refused\n\tIs the server running on that host?"


class Broken:
    """A cluster that a worker is gone from."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def messages(self) -> int:
        raise self.error

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    "error", [asyncpg.PostgresError(WORDS), ConnectionResetError(WORDS), asyncpg.InterfaceError(WORDS)]
)
async def test_what_a_cluster_answers_amid_a_step_becomes_one_line(monkeypatch, error: Exception):
    class Cluster:
        @staticmethod
        async def connect(database: Database) -> Any:
            return Broken(error)

    monkeypatch.setattr(steps, "Cluster", Cluster)
    step = steps.Step("drain 7002", cast("steps.Change", None))
    with pytest.raises(LabError, match=r"^drain 7002 broke off: connection to .* host?.*repeat") as raised:
        await steps.changed(step, Database("127.0.0.1", 1, "u", "p", "d"), None, print)
    assert "\n" not in str(raised.value)
