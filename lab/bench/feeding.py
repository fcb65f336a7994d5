"""Hints for the services of a stack from the benchmark itself, past the API and the database."""

from lab.stack.description import StackDescription
from wire.brokers.settings import BrokerSettings


def broker_of(stack: StackDescription, name: str = "rabbitmq") -> BrokerSettings:
    """How to publish to the services of this stack; `name` is its broker, postgres or rabbitmq."""
    if name == "postgres":
        return BrokerSettings(broker="postgres", postgres_dsn=stack.postgres.dsn, client_name="bench")
    assert stack.rabbitmq is not None
    rabbitmq = stack.rabbitmq
    return BrokerSettings(
        broker="rabbitmq",
        rabbitmq_hosts=tuple(str(rabbitmq["host"]).split(",")),
        rabbitmq_port=int(rabbitmq["port"]),
        rabbitmq_user=str(rabbitmq["user"]),
        rabbitmq_password=str(rabbitmq["password"]),
        client_name="bench",
    )
