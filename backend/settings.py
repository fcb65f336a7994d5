"""What the environment may set, read once at start and passed in."""

import os
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from wire.brokers.settings import BrokerName, BrokerSettings, QueueType
from wire.codecs import CodecName
from wire.topology import RoutingName

OnOff = Literal["on", "off"]


# What the twins cannot do otherwise.
RAW_ONLY = {
    "paging": ["keyset"],
    "pair_index": ["on"],
    "read_routing": ["primary"],
    "delivery": ["confirm", "fire_and_forget"],
}


class SettingsError(Exception):
    """A setting cannot be used; str(error) is one line that names value and choices."""


class Settings(BaseSettings):
    """The backend's settings; names in the environment are the same in upper case (see example.env)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    postgres_host: str = "127.0.0.1"
    postgres_port: int = 5432
    postgres_user: str = "postgres"
    postgres_password: str = ""
    postgres_db: str = "lab"
    postgres_replica_host: str = ""
    postgres_replica_port: int = 5432

    secret: str = Field(min_length=32, repr=False)

    broker: BrokerName = "postgres"
    rabbitmq_host: str = "127.0.0.1"
    rabbitmq_port: int = 5672
    rabbitmq_user: str = "lab"
    rabbitmq_password: str = Field("lab", repr=False)
    nats_url: str = "nats://127.0.0.1:4222"
    redis_url: str = "redis://127.0.0.1:6379/0"
    routing: RoutingName = "partition"
    delivery: Literal["confirm", "outbox", "fire_and_forget"] = "confirm"
    encoding: CodecName = "json"
    queue_type: QueueType = "classic"
    hints_per_message: int = Field(64, ge=1, le=256)

    event_loop: Literal["uvloop", "asyncio", "asyncio_debug"] = "uvloop"
    hop_times: OnOff = "off"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    service_id: str = ""

    backend_host: str = "127.0.0.1"
    backend_port: int = Field(8000, ge=0, le=65535)
    backend_socket: str = ""
    uvicorn_workers: int = Field(1, ge=1, le=64)
    http_parser: Literal["httptools", "h11"] = "httptools"
    http_server: Literal["uvicorn", "granian"] = "uvicorn"
    pool_size: int = Field(10, ge=1, le=500)
    pool_wait_seconds: float = Field(2.0, gt=0)
    group_commit: OnOff = "on"
    query_path: Literal["raw", "orm_async", "orm_sync", "fastapi_asyncpg"] = "raw"
    paging: Literal["keyset", "offset"] = "keyset"
    pair_index: OnOff = "on"
    payload: Literal["full", "notify"] = "full"
    cache: Literal["off", "process", "redis"] = "off"
    cache_seconds: float = Field(5.0, gt=0)
    read_routing: Literal["primary", "replica", "replica_ryw"] = "primary"
    token_cache: OnOff = "on"
    prepared_statements: OnOff = "on"
    durability: Literal["on", "off", "local", "remote_apply"] = "on"
    shard_key: Literal["dialog_id", "id"] = "dialog_id"
    shard_count: int = Field(32, ge=1, le=1024)
    citus_node: Literal["coordinator", "any"] = "coordinator"
    access_token_seconds: float = Field(900, gt=0)
    refresh_token_seconds: float = Field(604_800, gt=0)
    websocket_urls: Annotated[tuple[str, ...], NoDecode] = ("ws://127.0.0.1:8100/ws",)
    drain_seconds: float = Field(0.5, ge=0)

    @field_validator("websocket_urls", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.read_routing != "primary" and not self.postgres_replica_host:
            raise ValueError(f"READ_ROUTING={self.read_routing!r}: needs POSTGRES_REPLICA_HOST")
        if self.query_path != "raw":
            for name, only in RAW_ONLY.items():
                value = getattr(self, name)
                if value not in only:
                    raise ValueError(f"{name.upper()}={value!r}: works with QUERY_PATH=raw only")
        if self.http_server == "granian" and (self.backend_socket or self.uvicorn_workers > 1):
            raise ValueError("HTTP_SERVER='granian': works without BACKEND_SOCKET, in one process, only")
        if self.pair_index == "off" and self.paging == "offset":
            raise ValueError("PAIR_INDEX='off': works with PAGING=keyset only")
        if not self.service_id:
            object.__setattr__(self, "service_id", f"backend-{os.getpid()}")
        return self

    def broker_settings(self) -> BrokerSettings:
        """What wire.brokers needs of these."""
        return BrokerSettings(
            broker=self.broker,
            routing=self.routing,
            encoding=self.encoding,
            client_name=self.service_id,
            confirm=self.delivery != "fire_and_forget",
            postgres_dsn=self.postgres_dsn(),
            rabbitmq_hosts=tuple(host.strip() for host in self.rabbitmq_host.split(",")),
            rabbitmq_port=self.rabbitmq_port,
            rabbitmq_user=self.rabbitmq_user,
            rabbitmq_password=self.rabbitmq_password,
            nats_url=self.nats_url,
            redis_url=self.redis_url,
            queue_type=self.queue_type,
            hints_per_message=self.hints_per_message,
        )

    def postgres_dsn(self, scheme: str = "postgresql") -> str:
        """As a URL; a host that begins with / is the folder of a unix socket."""
        from urllib.parse import quote

        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password, safe="")
        database, host = quote(self.postgres_db, safe=""), quote(self.postgres_host, safe="")
        return f"{scheme}://{user}:{password}@/{database}?host={host}&port={self.postgres_port}"


def read(**given: Any) -> Settings:
    """The settings of this process: what is given, the environment, then the file ENV_FILE (default .env).

    Raises SettingsError.
    """
    try:
        return Settings(_env_file=os.environ.get("ENV_FILE", ".env") or None, **given)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else ""
        if not first["loc"]:
            raise SettingsError(str(first["msg"]).removeprefix("Value error, ")) from None
        if first["type"] == "missing":
            raise SettingsError(
                f"{name} is not set: expected in the environment or in .env (bash build.sh makes one)"
            ) from None
        value = (
            "***" if name in ("SECRET", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD") else repr(first["input"])
        )
        raise SettingsError(f"{name}={value}: {_expected(first)}") from None


def _expected(error: object) -> str:
    assert isinstance(error, dict)
    if error["type"] == "literal_error":
        words = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        return f"expected one of {words}"
    message = str(error["msg"])
    return message.replace("Input should be", "expected").replace("String should have", "expected")
