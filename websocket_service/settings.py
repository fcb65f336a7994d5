"""What the environment may set, read once at start and passed in."""

import os
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from wire.brokers.settings import BrokerSettings
from wire.settings import ServiceSettings, comma_list


class Settings(ServiceSettings):
    """The service's settings; names in the environment are the same in upper case (see example.env)."""

    prefetch: int = Field(100, ge=0, le=65_535)
    queue_max_messages: int = Field(20_000, ge=1)
    queue_max_bytes: int = Field(64 * 2**20, ge=1)
    queue_ttl_seconds: float = Field(60.0, gt=0)

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
        return comma_list(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _named(self) -> Self:
        name = self.ws_id or self.service_id or f"websocket-{os.getpid()}"
        object.__setattr__(self, "ws_id", self.ws_id or name)
        object.__setattr__(self, "service_id", self.service_id or name)
        return self

    def broker_settings(self) -> BrokerSettings:
        """What the consumer needs of these."""
        return self._for_broker(
            prefetch=self.prefetch,
            queue_max_messages=self.queue_max_messages,
            queue_max_bytes=self.queue_max_bytes,
            queue_ttl_seconds=self.queue_ttl_seconds,
        )
