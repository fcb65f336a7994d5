"""docs/runbooks/rabbitmq.md, step by step on real nodes."""

import asyncio
from pathlib import Path

import aio_pika
import pytest

from tests.rabbitmq.nodes import Nodes, nodes
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]


def discovery_removed(made: Nodes, name: str) -> None:
    """The node no longer looks for others: it starts alone, as one that is to be joined by hand."""
    path = made.cluster.folder / name / "rabbitmq.conf"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("cluster_formation")))


async def hello(made: Nodes, name: str) -> None:
    """Publish and consume one message through this node."""
    node = next(node for node in made.cluster.nodes if node.name == name)
    connection = await aio_pika.connect(
        host="127.0.0.1", port=node.amqp_port, login=made.cluster.user, password=made.cluster.password
    )
    async with connection, asyncio.timeout(PATIENCE_SECONDS):
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), routing_key=queue.name)
        message = await queue.get(timeout=PATIENCE_SECONDS, no_ack=True)
        assert message is not None and message.body == b"hello"


def join(made: Nodes, name: str) -> None:
    """The steps of the runbook."""
    for step in (["stop_app"], ["reset"], ["join_cluster", "rabbit@localhost"], ["start_app"]):
        made.ctl(name, *step)


@pytest.mark.slow
def test_a_node_is_joined_by_hand_and_again_after_it_lost_its_data(tmp_path):
    others = ("rabbit", "rmq-slave-1")  # of two nodes one alone is a minority, and pauses
    with nodes(tmp_path, 3) as made:
        discovery_removed(made, "rabbit-slave")
        for name in (*others, "rabbit-slave"):
            made.start(name)
        assert made.has_members("rabbit-slave", "rabbit-slave")
        join(made, "rabbit-slave")
        assert made.has_members("rabbit", *others, "rabbit-slave")
        asyncio.run(hello(made, "rabbit-slave"))

        made.stop("rabbit-slave")
        made.remove_data("rabbit-slave")
        assert made.has_members("rabbit", *others)  # a node that is thought to run is not forgotten
        made.ctl("rabbit", "forget_cluster_node", "rabbit-slave@localhost")
        made.start("rabbit-slave")
        assert made.has_members("rabbit", *others)
        join(made, "rabbit-slave")
        assert made.has_members("rabbit", *others, "rabbit-slave")


@pytest.mark.slow
def test_nodes_wait_for_the_one_that_stopped_last_and_there_is_a_way_out_without_it(tmp_path):
    with nodes(tmp_path, 2) as made:
        made.start("rabbit")
        made.start("rabbit-slave")
        assert made.has_members("rabbit-slave", "rabbit", "rabbit-slave")  # they found each other
        assert "{cluster_partition_handling,pause_minority}" in made.ctl("rabbit", "environment")
        made.stop("rabbit-slave")
        made.stop("rabbit")  # the last one: what it saw alone, the other one cannot know

        made.begin("rabbit-slave")
        assert made.log_says("rabbit-slave", "waiting for Mnesia tables", 180)  # each try takes 30 s
        assert not made.takes_amqp("rabbit-slave")

        made.start("rabbit")  # way 1
        assert made.serves("rabbit-slave", 180)
        assert made.has_members("rabbit", "rabbit", "rabbit-slave")
        asyncio.run(hello(made, "rabbit-slave"))

        made.stop("rabbit-slave")
        made.stop("rabbit")
        made.ctl("rabbit-slave", "force_boot")  # way 2
        made.start("rabbit-slave")
        asyncio.run(hello(made, "rabbit-slave"))
        made.start("rabbit")
        assert made.has_members("rabbit", "rabbit", "rabbit-slave")

        for name in ("rabbit-slave", "rabbit"):  # way 3
            made.stop(name)
            made.remove_data(name)
        for name in ("rabbit", "rabbit-slave"):
            made.start(name)
        assert made.has_members("rabbit", "rabbit", "rabbit-slave")


def test_one_configuration_serves_host_and_compose_and_holds_no_secret():
    words = (ROOT / "rabbitmq" / "rabbitmq.conf").read_text()
    assert "default_pass" not in words and "default_user" not in words and "cookie =" not in words
    assert "cluster_partition_handling = pause_minority" in words
    names = [line.split("=")[1].strip() for line in words.splitlines() if "classic_config.nodes" in line]
    assert names == ["rabbit@rabbit", "rabbit@rabbit-slave", "rabbit@rmq-slave-1"]
