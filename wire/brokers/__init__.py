"""The brokers: one module each, chosen by name. Importing this package imports none of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args

from wire.broker import Consumer, Publisher
from wire.brokers.settings import BrokerName, BrokerSettings

if TYPE_CHECKING:
    from wire.brokers.memory import MemoryHub

PUBLISHERS: dict[str, str] = {
    "memory": "wire.brokers.memory:MemoryPublisher",
    "postgres": "wire.brokers.postgres:postgres_publisher",
    "rabbitmq": "wire.brokers.rabbitmq:rabbitmq_publisher",
    "nats": "wire.brokers.nats:nats_publisher",
    "redis": "wire.brokers.redis:redis_publisher",
}
CONSUMERS: dict[str, str] = {
    "memory": "wire.brokers.memory:MemoryConsumer",
    "postgres": "wire.brokers.postgres:postgres_consumer",
    "rabbitmq": "wire.brokers.rabbitmq:rabbitmq_consumer",
    "nats": "wire.brokers.nats:nats_consumer",
    "redis": "wire.brokers.redis:redis_consumer",
}
NOT_BETWEEN_PROCESSES = (
    "BROKER='memory': works within one process only; expected one of postgres, rabbitmq, nats, redis"
)
assert set(PUBLISHERS) == set(CONSUMERS) == set(get_args(BrokerName))


def _made(places: dict[str, str], settings: BrokerSettings, hub: "MemoryHub | None") -> Any:
    module, attribute = places[settings.broker].split(":")
    make = getattr(import_module(module), attribute)
    if settings.broker != "memory":
        return make(settings)
    if hub is None:
        raise ValueError(NOT_BETWEEN_PROCESSES)
    return make(settings, hub)


def publisher_for(settings: BrokerSettings, hub: "MemoryHub | None" = None) -> Publisher:
    """The publisher of the chosen broker, not yet started. `hub` is what BROKER=memory shares.

    Raises ValueError for BROKER=memory without a hub.
    """
    publisher: Publisher = _made(PUBLISHERS, settings, hub)
    return publisher


def consumer_for(settings: BrokerSettings, hub: "MemoryHub | None" = None) -> Consumer:
    """The consumer of the chosen broker, not yet started; see publisher_for."""
    consumer: Consumer = _made(CONSUMERS, settings, hub)
    return consumer
