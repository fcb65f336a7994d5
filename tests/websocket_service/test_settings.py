"""What the environment says reaches whom it is meant for."""

from typing import cast

from websocket_service.settings import Settings
from wire.brokers.amqp.channel import Channel, Queue
from wire.brokers.rabbitmq import RabbitConsumerSession


class RecordingChannel:
    """Takes what RabbitMQ is told of a queue."""

    queue: Queue
    prefetch: int

    async def declare_exchange(self, *_words: object) -> None: ...

    async def consume(self, queue: Queue, prefetch: int, _received: object) -> None:
        self.queue, self.prefetch = queue, prefetch


async def test_the_bounds_of_the_queue_are_those_of_the_environment(monkeypatch):
    given = {
        "ENV_FILE": "",
        "SECRET": "x" * 32,
        "BROKER": "rabbitmq",
        "QUEUE_TYPE": "quorum",
        "QUEUE_MAX_MESSAGES": "7",
        "QUEUE_MAX_BYTES": "1000",
        "QUEUE_TTL_SECONDS": "2.5",
        "PREFETCH": "3",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    channel = RecordingChannel()
    settings = Settings.read().broker_settings()
    session = RabbitConsumerSession(settings, lambda _body, _key: None)
    session.channel = cast("Channel", channel)
    await session.open()
    assert channel.prefetch == 3
    assert channel.queue.arguments == {
        "x-queue-type": "quorum",
        "x-max-length": 7,
        "x-max-length-bytes": 1000,
        "x-overflow": "drop-head",
        "x-message-ttl": 2500,
        "x-expires": 2500,
    }
