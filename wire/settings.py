"""What the environment may set for every service, read once at start and passed in.

`.brokers.settings` is what a broker needs to know; this is where a service takes it from.
"""

import os
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wire.brokers.amqp.channel import ClientName
from wire.brokers.settings import BrokerName, BrokerSettings, QueueType
from wire.codecs import CodecName
from wire.topology import RoutingName

OnOff = Literal["on", "off"]
SECRETS = ("SECRET", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD")


class SettingsError(Exception):
    """A setting cannot be used; str(error) is one line that names value and choices."""


class ServiceSettings(BaseSettings):
    """What backend and websocket service must be told alike; in the environment the names are in upper case
    (see example.env)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    postgres_host: str = "127.0.0.1"
    postgres_port: int = 5432
    postgres_user: str = "postgres"
    postgres_password: str = Field("", repr=False)
    postgres_db: str = "lab"

    secret: str = Field(min_length=32, repr=False)

    broker: BrokerName = "postgres"
    rabbitmq_host: str = "127.0.0.1"
    rabbitmq_port: int = 5672
    rabbitmq_user: str = "lab"
    rabbitmq_password: str = Field("lab", repr=False)
    amqp_client: ClientName = "lean"
    nats_url: str = "nats://127.0.0.1:4222"
    redis_url: str = "redis://127.0.0.1:6379/0"
    routing: RoutingName = "partition"
    encoding: CodecName = "json"
    queue_type: QueueType = "classic"
    payload: Literal["full", "notify"] = "full"

    event_loop: Literal["uvloop", "asyncio", "asyncio_debug"] = "uvloop"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    gc_threshold: int = Field(20_000, ge=100, le=10_000_000)
    service_id: str = ""

    def postgres_dsn(self, scheme: str = "postgresql") -> str:
        """As a URL; a host that begins with / is the folder of a unix socket."""
        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password, safe="")
        database, host = quote(self.postgres_db, safe=""), quote(self.postgres_host, safe="")
        return f"{scheme}://{user}:{password}@/{database}?host={host}&port={self.postgres_port}"

    def _for_broker(self, **own: Any) -> BrokerSettings:
        """What wire.brokers needs of these; `own` is what only this side of the broker is told."""
        return BrokerSettings(
            broker=self.broker,
            routing=self.routing,
            encoding=self.encoding,
            client_name=self.service_id,
            postgres_dsn=self.postgres_dsn(),
            rabbitmq_hosts=comma_list(self.rabbitmq_host),
            rabbitmq_port=self.rabbitmq_port,
            rabbitmq_user=self.rabbitmq_user,
            rabbitmq_password=self.rabbitmq_password,
            amqp_client=self.amqp_client,
            nats_url=self.nats_url,
            redis_url=self.redis_url,
            queue_type=self.queue_type,
            **own,
        )

    @classmethod
    def read(cls, **given: Any) -> Self:
        """What is given, the environment, then the file ENV_FILE (default .env). Raises SettingsError."""
        try:
            return cls(_env_file=os.environ.get("ENV_FILE", ".env") or None, **given)  # type: ignore[call-arg]
        except ValidationError as error:
            raise SettingsError(_words(error)) from None


def comma_list(value: str) -> tuple[str, ...]:
    """`a, b` as its parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _words(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors()[0]
    if not first["loc"]:  # said by a validator of several settings: it names them itself
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0]).upper()
    if first["type"] == "missing":
        return f"{name} is not set: expected in the environment or in .env (bash build.sh makes one)"
    value = "***" if name in SECRETS else repr(first["input"])
    if first["type"] == "literal_error":
        choices = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        return f"{name}={value}: expected one of {choices}"
    message = str(first["msg"])
    return f"{name}={value}: " + message.replace("Input should be", "expected").replace(
        "String should have", "expected"
    )
