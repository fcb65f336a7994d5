"""What a broker needs to know; each service fills it from its own settings."""

from dataclasses import dataclass, field
from typing import Literal

from wire.brokers.amqp.channel import ClientName
from wire.codecs import CodecName
from wire.topology import RoutingName

BrokerName = Literal["memory", "postgres", "rabbitmq", "nats", "redis"]
QueueType = Literal["classic", "quorum"]


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """Publisher and consumer must agree on broker, routing and encoding. A password is in no repr."""

    broker: BrokerName
    routing: RoutingName = "partition"
    encoding: CodecName = "json"
    client_name: str = "lab"  # shown by the broker's own tools: which process is this
    confirm: bool = True  # False: publish returns once the bytes are written (fire_and_forget)

    postgres_dsn: str = field(default="", repr=False)
    rabbitmq_hosts: tuple[str, ...] = ("127.0.0.1",)  # host or host:port; each is tried in turn
    rabbitmq_port: int = 5672
    rabbitmq_user: str = "guest"
    rabbitmq_password: str = field(default="guest", repr=False)
    rabbitmq_virtual_host: str = "/"
    amqp_client: ClientName = "lean"
    nats_url: str = field(default="nats://127.0.0.1:4222", repr=False)
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)

    hints_per_message: int = 64  # 1: exact culling, and several times the CPU a hint (broker.md)
    prefetch: int = 100  # messages not yet acked; 0: no limit
    queue_type: QueueType = "classic"
    queue_max_messages: int = 20_000  # beyond it the oldest are dropped; the sweep finds them
    queue_max_bytes: int = 64 * 2**20  # RabbitMQ: one message carries many hints
    queue_ttl_seconds: float = 60.0
    max_unconfirmed: int = 256
    publish_timeout_seconds: float = 2.0
    connect_timeout_seconds: float = 5.0
    heartbeat_seconds: float = 5.0  # a silent peer counts as lost after about two of these
    unbind_after_seconds: float = 60.0  # a key without users is kept so long (per_user: not at all)
