"""What the environment says reaches whom it is meant for."""

from typing import Any, cast

from aiormq.abc import AbstractChannel

from websocket_service.settings import Settings
from wire.brokers.rabbitmq import RabbitConsumerSession


class RecordingChannel:
    """Takes what RabbitMQ is told of a queue."""

    def __init__(self) -> None:
        self.on_consumer_cancel_callbacks: set[Any] = set()
        self.arguments: dict[str, Any] = {}
        self.prefetch = 0

    async def exchange_declare(self, *_words: object, **_more: object) -> None: ...

    async def queue_declare(self, _name: str, *, arguments: dict[str, Any], **_more: object) -> None:
        self.arguments = arguments

    async def basic_qos(self, *, prefetch_count: int) -> None:
        self.prefetch = prefetch_count

    async def basic_consume(self, *_words: object) -> None: ...


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
    session = RabbitConsumerSession(cast("AbstractChannel", channel), settings, lambda _body, _key: None)
    await session.open()
    assert channel.prefetch == 3
    assert channel.arguments == {
        "x-queue-type": "quorum",
        "x-max-length": 7,
        "x-max-length-bytes": 1000,
        "x-overflow": "drop-head",
        "x-message-ttl": 2500,
        "x-expires": 2500,
    }
