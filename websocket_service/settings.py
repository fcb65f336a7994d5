"""What the environment may set, read once at start and passed in."""

import os
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from wire.brokers.settings import BrokerName, BrokerSettings, QueueType
from wire.codecs import CodecName
from wire.topology import RoutingName

SECRETS = ("SECRET", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD")


class SettingsError(Exception):
    """A setting cannot be used; str(error) is one line that names value and choices."""


class Settings(BaseSettings):
    """The service's settings; names in the environment are the same in upper case (see example.env)."""

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
    nats_url: str = "nats://127.0.0.1:4222"
    redis_url: str = "redis://127.0.0.1:6379/0"
    routing: RoutingName = "partition"
    encoding: CodecName = "json"
    queue_type: QueueType = "classic"
    prefetch: int = Field(100, ge=0, le=65_535)
    payload: Literal["full", "notify"] = "full"

    event_loop: Literal["uvloop", "asyncio", "asyncio_debug"] = "uvloop"
    hop_times: Literal["on", "off"] = "off"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    service_id: str = ""

    ws_id: str = ""
    ws_host: str = "127.0.0.1"
    ws_port: int = Field(8100, ge=0, le=65_535)
    ws_socket: str = ""
    ws_origins: Annotated[tuple[str, ...], NoDecode] = ("http://127.0.0.1:*", "http://localhost:*")
    ws_max_sockets: int = Field(20_000, ge=1)
    ws_max_devices: int = Field(10, ge=1)
    ws_drain_seconds: float = Field(10.0, ge=0, le=30)
    hello_seconds: float = Field(5.0, gt=0)
    heartbeat_seconds: float = Field(25.0, gt=0)
    heartbeat_answer_seconds: float = Field(10.0, gt=0)
    debounce_seconds: float = Field(0.0, ge=0, le=5)
    compression: Literal["off", "deflate"] = "off"
    sweep_seconds: float = Field(30.0, gt=0)

    @field_validator("ws_origins", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        name = self.ws_id or self.service_id or f"websocket-{os.getpid()}"
        object.__setattr__(self, "ws_id", self.ws_id or name)
        object.__setattr__(self, "service_id", self.service_id or name)
        return self

    def postgres_dsn(self) -> str:
        """As a URL; a host that begins with / is the folder of a unix socket."""
        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password, safe="")
        database, host = quote(self.postgres_db, safe=""), quote(self.postgres_host, safe="")
        return f"postgresql://{user}:{password}@/{database}?host={host}&port={self.postgres_port}"

    def broker_settings(self) -> BrokerSettings:
        """What wire.brokers needs of these."""
        return BrokerSettings(
            broker=self.broker,
            routing=self.routing,
            encoding=self.encoding,
            client_name=self.service_id,
            postgres_dsn=self.postgres_dsn(),
            rabbitmq_hosts=tuple(host.strip() for host in self.rabbitmq_host.split(",")),
            rabbitmq_port=self.rabbitmq_port,
            rabbitmq_user=self.rabbitmq_user,
            rabbitmq_password=self.rabbitmq_password,
            nats_url=self.nats_url,
            redis_url=self.redis_url,
            prefetch=self.prefetch,
            queue_type=self.queue_type,
        )


def read(**given: Any) -> Settings:
    """The settings of this process: what is given, the environment, then the file ENV_FILE (default .env).

    Raises SettingsError.
    """
    try:
        return Settings(_env_file=os.environ.get("ENV_FILE", ".env") or None, **given)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        if first["type"] == "missing":
            raise SettingsError(
                f"{name} is not set: expected in the environment or in .env (bash build.sh makes one)"
            ) from None
        value = "***" if name in SECRETS else repr(first["input"])
        expected = str(first["msg"]).replace("Input should be", "expected").replace("String should", "must")
        if first["type"] == "literal_error":
            words = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
            expected = f"expected one of {words}"
        raise SettingsError(f"{name}={value}: {expected}") from None
