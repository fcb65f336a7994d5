"""What is RabbitMQ's alone: several hosts, acknowledgements, room, and both clients on uvloop."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, cast

import pytest
import uvloop

from tests.waiting import eventually
from tests.wire.heard import Heard, hint
from tests.wire.servers import PATIENT
from wire.broker import BrokerUnavailable
from wire.brokers import consumer_for, publisher_for, rabbitmq
from wire.brokers.amqp.channel import Channel
from wire.brokers.rabbitmq import RabbitConsumerSession, RabbitPublisherSession, address
from wire.brokers.settings import BrokerSettings

ANN, BOB = 1, 2


class Recorded:
    """A channel that keeps what it is given; confirms come when the test says."""

    full = None

    def __init__(self) -> None:
        self.acks: list[int] = []
        self.published: list[tuple[bytes, asyncio.Future[None]]] = []

    def ack(self, delivery_tag: int) -> None:
        self.acks.append(delivery_tag)

    def publish(
        self, body: bytes, _exchange: str, _keys: Sequence[str], _mandatory: bool
    ) -> asyncio.Future[None]:
        confirm = asyncio.get_running_loop().create_future()
        self.published.append((body, confirm))
        return confirm


def consuming(prefetch: int) -> tuple[RabbitConsumerSession, Recorded]:
    settings = BrokerSettings(broker="rabbitmq", prefetch=prefetch)
    session, channel = RabbitConsumerSession(settings, lambda _body, _key: None), Recorded()
    session.channel = cast("Channel", channel)
    return session, channel


@pytest.mark.parametrize(
    ("prefetch", "acks"), [(1, [1, 2, 3, 4, 5, 6]), (2, [1, 2, 3, 4, 5, 6]), (5, [2, 4, 6]), (100, [])]
)
async def test_an_ack_comes_for_half_of_the_prefetch(prefetch: int, acks: list[int]):
    session, channel = consuming(prefetch)
    for tag in range(1, 7):
        session._received(b"[]", tag)
    assert channel.acks == acks


async def test_the_rest_is_acknowledged_after_a_while_and_once(monkeypatch):
    monkeypatch.setattr(rabbitmq, "ACK_SECONDS", 0.01)
    session, channel = consuming(100)
    for tag in range(1, 4):
        session._received(b"[]", tag)
    acking = asyncio.create_task(session.ack_the_rest())
    await eventually(lambda: channel.acks)
    await asyncio.sleep(0.05)
    acking.cancel()
    assert channel.acks == [3]


async def test_batches_that_wait_for_room_keep_their_order():
    session = RabbitPublisherSession(
        BrokerSettings(broker="rabbitmq", max_unconfirmed=2, hints_per_message=1)
    )
    channel = Recorded()
    session.channel = cast("Channel", channel)
    batches = [[hint(ANN, BOB, seq) for seq in range(start, start + 3)] for start in (1, 4)]
    tasks = [asyncio.create_task(session.publish(batch)) for batch in batches]
    confirmed = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        assert len(channel.published) - confirmed <= 2
        if confirmed < len(channel.published):
            channel.published[confirmed][1].set_result(None)
            confirmed += 1
    sent = [session._codec.decode_hints(body)[0].seq for body, _ in channel.published]
    assert sent == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("rabbit", ("rabbit", 5672)),
        ("rabbit:5673", ("rabbit", 5673)),
        ("::1", ("::1", 5672)),
        ("[::1]:5673", ("::1", 5673)),
        ("[::1]", ("::1", 5672)),
    ],
)
def test_a_host_may_have_its_own_port(host: str, expected: tuple[str, int]):
    assert address(host, 5672) == expected


CLIENTS = pytest.mark.parametrize("client", sorted(rabbitmq.CLIENTS))


def settings_of(server: dict[str, Any], virtual_host: str, **own: Any) -> BrokerSettings:
    given = {
        "rabbitmq_hosts": (f"127.0.0.1:{server['port']}",),
        "rabbitmq_user": server["user"],
        "rabbitmq_password": server["password"],
        "rabbitmq_virtual_host": virtual_host,
    }
    return BrokerSettings(**{"broker": "rabbitmq", **PATIENT, **given, **own})


@CLIENTS
@pytest.mark.rabbitmq
async def test_a_host_that_fails_while_connecting_costs_no_connection_of_the_next(
    rabbitmq_server: dict[str, Any], virtual_host: str, client: str, monkeypatch
):
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    monkeypatch.setattr(random, "sample", lambda hosts, _count: list(hosts))  # the bad one first
    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as bad:
        port = bad.sockets[0].getsockname()[1]
        hosts = (f"127.0.0.1:{port}", f"127.0.0.1:{rabbitmq_server['port']}")
        consumer = consumer_for(
            settings_of(rabbitmq_server, virtual_host, rabbitmq_hosts=hosts, amqp_client=client)
        )
        heard = Heard()
        await consumer.start(heard.on_hints, heard.on_generation)
        await eventually(lambda: consumer.connected)
        await asyncio.sleep(0.5)
        assert consumer.connected and consumer.generation == 1
        await consumer.close()


@CLIENTS
@pytest.mark.rabbitmq
async def test_a_wrong_password_is_refused_in_words(
    rabbitmq_server: dict[str, Any], virtual_host: str, client: str, caplog
):
    publisher = publisher_for(
        settings_of(rabbitmq_server, virtual_host, rabbitmq_password="wrong", amqp_client=client)
    )
    await publisher.start()
    await eventually(lambda: "ACCESS_REFUSED" in caplog.text)
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await publisher.publish([hint(ANN, BOB, 1)])
    await publisher.close()


@CLIENTS
@pytest.mark.rabbitmq
def test_both_clients_work_on_the_loop_that_services_use(
    rabbitmq_server: dict[str, Any], virtual_host: str, client: str
):
    """pytest's is asyncio's own; services run on uvloop."""

    async def main() -> list[int]:
        settings = settings_of(rabbitmq_server, virtual_host, amqp_client=client, prefetch=10)
        publisher, consumer, heard = publisher_for(settings), consumer_for(settings), Heard()
        await publisher.start()
        await consumer.start(heard.on_hints, heard.on_generation)
        await consumer.bind(ANN)
        await eventually(lambda: publisher.connected and consumer.connected)
        for seq in range(1, 301, 3):
            await publisher.publish([hint(ANN, BOB, one) for one in range(seq, seq + 3)])
        await eventually(lambda: len(heard.seqs) == 300)
        await publisher.close()
        await consumer.close()
        return heard.seqs

    assert uvloop.run(main()) == list(range(1, 301))
