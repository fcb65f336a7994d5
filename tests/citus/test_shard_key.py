"""SHARD_KEY=id, the ancestors' choice: the whole path works, and every history asks every shard."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tests.backend.running import running
from tests.citus.backends import settings
from tests.citus.conftest import Cluster, Lab, RunbookError

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_backend_distributes_by_id_and_keeps_every_promise_of_a_send(cluster: Cluster):
    async with running(settings(cluster, shard_key="id", shard_count=4)) as backend:
        assert backend.app.facts is not None
        assert backend.app.facts.citus
        me, other = await backend.users()
        first = uuid4()
        assert (await backend.send(me, other, "0", first)).status_code == 201
        assert (await backend.send(me, other, "0", first)).status_code == 200
        assert (await backend.send(me, other, "another", first)).status_code == 409
        answers = await asyncio.gather(*(backend.send(me, other, str(n)) for n in range(1, 12)))
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(answer.json()["seq"] for answer in answers) == list(range(2, 13))
        same = uuid4()
        twice = await asyncio.gather(*(backend.send(me, other, "same", same) for _ in range(2)))
        assert sorted(answer.status_code for answer in twice) == [200, 201]
        page = await backend.page(other, me, limit=20)
        assert [message["seq"] for message in page["items"]] == list(range(13, 0, -1))
    # A table keeps the key that it was made with; the process says so, whatever its settings are.
    async with running(settings(cluster, shard_key="dialog_id", shard_count=32)) as backend:
        told = (await backend.client.get("/health")).json()["effective"]
        assert (told["shard_key"], told["shard_count"]) == ("id", 4)
    asked = (
        "SELECT distribution_column, shard_count FROM citus_tables WHERE table_name::text = 'dialogmessage'"
    )
    assert cluster.sql(asked) == "id|4"
    plan = cluster.sql(f"EXPLAIN SELECT * FROM dialogmessage WHERE dialog_id = '{uuid4()}'")
    assert "Task Count: 4" in plan


def test_such_a_cluster_is_watched_and_refused_what_would_take_half_of_it(cluster: Cluster, lab: Lab):
    """After the test above: messages, by id."""
    code, said = lab("drain", str(cluster.workers[0].port))
    assert code == 0, said
    assert "seqs without a message      0 before, 0 after" in said
    for words in (("count", "6"), ("isolate", "1,2")):
        code, said = lab(*words)
        assert code == 2, said
        assert "SHARD_KEY=dialog_id" in said
    for step, given in (("03", {"shard_count": 6}), ("10", {"dialog_id": UUID(int=1 << 64 | 2)})):
        with pytest.raises(RunbookError, match="distributed by id"):
            cluster.psql(step, **given)
