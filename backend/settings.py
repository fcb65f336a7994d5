"""What the environment may set, read once at start and passed in."""

import os
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from wire.brokers.settings import BrokerSettings
from wire.settings import OnOff, ServiceSettings, comma_list

# What the twins cannot do otherwise.
OWN_PATHS = ("raw", "fastapi")
OWN_ONLY = {
    "paging": ["keyset"],
    "pair_index": ["on"],
    "read_routing": ["primary"],
    "delivery": ["confirm", "fire_and_forget"],
}


class Settings(ServiceSettings):
    """The backend's settings; names in the environment are the same in upper case (see example.env)."""

    postgres_replica_host: str = ""
    postgres_replica_port: int = 5432
    delivery: Literal["confirm", "outbox", "fire_and_forget"] = "confirm"
    hop_times: OnOff = "off"
    hints_per_message: int = Field(64, ge=1, le=256)
    publish_interval_seconds: float = Field(0.0, ge=0, le=1)

    backend_host: str = "127.0.0.1"
    backend_port: int = Field(8000, ge=0, le=65535)
    backend_socket: str = ""
    uvicorn_workers: int = Field(1, ge=1, le=64)
    http_parser: Literal["httptools", "h11"] = "httptools"
    http_server: Literal["uvicorn", "granian"] = "uvicorn"
    pool_size: int = Field(10, ge=1, le=500)
    pool_wait_seconds: float = Field(2.0, gt=0)
    group_commit: OnOff = "on"
    query_path: Literal["raw", "fastapi", "fastapi_asyncpg", "orm_async", "orm_sync"] = "raw"
    paging: Literal["keyset", "offset"] = "keyset"
    pair_index: OnOff = "on"
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
        return comma_list(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.read_routing != "primary" and not self.postgres_replica_host:
            raise ValueError(f"READ_ROUTING={self.read_routing!r}: needs POSTGRES_REPLICA_HOST")
        if self.query_path not in OWN_PATHS:
            for name, only in OWN_ONLY.items():
                value = getattr(self, name)
                if value not in only:
                    raise ValueError(f"{name.upper()}={value!r}: works with QUERY_PATH=raw or fastapi only")
        if self.query_path.startswith("orm_") and self.prepared_statements == "off":
            raise ValueError(f"PREPARED_STATEMENTS='off': works without QUERY_PATH={self.query_path} only")
        if self.http_server == "granian" and (self.backend_socket or self.uvicorn_workers > 1):
            raise ValueError("HTTP_SERVER='granian': works without BACKEND_SOCKET, in one process, only")
        if self.pair_index == "off" and self.paging == "offset":
            raise ValueError("PAIR_INDEX='off': works with PAGING=keyset only")
        if not self.service_id:
            object.__setattr__(self, "service_id", f"backend-{os.getpid()}")
        return self

    @property
    def logs_requests(self) -> bool:
        """Whether the server writes a line for each request."""
        return self.log_level in ("debug", "info")

    def broker_settings(self) -> BrokerSettings:
        """What the publisher needs of these."""
        return self._for_broker(
            confirm=self.delivery != "fire_and_forget", hints_per_message=self.hints_per_message
        )
