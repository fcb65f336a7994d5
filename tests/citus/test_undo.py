"""The undo lines of the runbook that no other test takes: step 1 back to plain tables, step 7 half way."""

import pytest

from tests.citus.conftest import Cluster
from tests.citus.heads import undo

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]
SEND = (
    "SELECT outcome FROM send_message("
    "'00000000-0000-0001-0000-000000000002', gen_random_uuid(), 1, 2, 'x', false)"
)


def test_step_1_is_undone_with_every_row_and_done_again(cluster: Cluster):
    cluster.distribute(4)
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 2) AS n"
    )
    assert cluster.sql(SEND) == "stored"
    for statement in undo("01"):
        cluster.sql(statement)
    left = cluster.sql("SELECT DISTINCT citus_table_type FROM citus_tables WHERE citus_table_type <> 'local'")
    assert left == "reference"
    assert cluster.sql(SEND) == "stored"
    cluster.distribute(4)
    assert cluster.sql(SEND) == "stored"
    assert cluster.sql("SELECT last_seq, (SELECT count(*) FROM dialogmessage) FROM dialog") == "3|3"


def test_a_drain_is_undone_by_giving_the_worker_its_shards_back(cluster: Cluster):
    worker = cluster.workers[0]
    drained = (
        "SELECT count(*) FROM citus_shards"
        f" WHERE citus_table_type = 'distributed' AND nodeport = {worker.port}"
    )
    before = cluster.sql(drained)
    cluster.psql("07", host=worker.host, port=worker.port)
    assert cluster.sql(drained) == "0"
    (statement,) = undo("07")
    cluster.sql(statement.replace("'worker-3', 5432", f"'{worker.host}', {worker.port}"))
    cluster.psql("05")
    cluster.sql("SELECT citus_rebalance_wait()")
    assert before != "0"
    assert cluster.sql(drained) != "0"
