"""What moves, from the rows that a cluster answers with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import pytest

from lab.shards.cluster import JOB, Cluster

ROW = {"moving": 3, "to_copy": 10, "copied": 4, "phase": "Copying", "lag": None, "done": 0, "planned": 1}


class Connection:
    """Answers with these rows: what is listed as moving, and the newest job."""

    def __init__(self, listed: Mapping[str, Any], job: Mapping[str, Any] | None) -> None:
        self.listed, self.job = listed, job

    async def fetchrow(self, statement: str) -> Mapping[str, Any] | None:
        return self.job if statement == JOB else self.listed


@pytest.mark.parametrize(("lag", "told"), [(None, None), (Decimal(0), 0), (Decimal(512), 512)])
async def test_how_far_a_copy_is_behind_is_a_number_or_unknown(lag: Decimal | None, told: int | None):
    moves = await Cluster(cast("Any", Connection(ROW | {"lag": lag}, None))).moves()
    assert moves.lag == told
    assert type(moves.lag) is type(told)


@pytest.mark.parametrize(
    ("job", "counted"),
    [
        (None, (0, 1)),
        ({"state": "finished", "done": 30, "planned": 30}, (0, 1)),
        ({"state": "running", "done": 12, "planned": 30}, (12, 30)),
        ({"state": "scheduled", "done": None, "planned": 30}, (0, 30)),
    ],
)
async def test_moves_are_counted_by_the_job_while_one_runs(job: dict[str, Any] | None, counted: object):
    moves = await Cluster(cast("Any", Connection(ROW, job))).moves()
    assert (moves.done, moves.planned) == counted
