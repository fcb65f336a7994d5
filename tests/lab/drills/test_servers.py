"""Drills that need a server which not every machine has: Citus, RabbitMQ."""

import pytest

from lab.drills import connect_robust, shard_by_id

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(500)]


def silent(_line: str) -> None:
    """Tell nobody."""


@pytest.mark.citus
def test_a_page_of_a_dialog_sharded_by_id_asks_every_shard(tmp_path):
    found = shard_by_id.show(silent, tmp_path)
    assert ("shards asked for a page", "32", "1") in found.rows
    assert found.harm < found.cure


@pytest.mark.rabbitmq
def test_a_robust_connection_loses_what_was_confirmed_meanwhile(tmp_path):
    found = connect_robust.show(silent, tmp_path)
    assert found.harm < found.cure
    assert (found.rows[0][0], found.rows[0][2]) == ("never heard of", "0")
