"""Which settings are really in effect: read from what runs where that can be asked."""

import asyncio

from backend.schema import DatabaseFacts
from backend.settings import Settings

TAKEN = (
    "broker",
    "routing",
    "delivery",
    "encoding",
    "hop_times",
    "log_level",
    "uvicorn_workers",
    "http_server",
    "pool_size",
    "query_path",
    "paging",
    "pair_index",
    "payload",
    "hints_per_message",
    "cache",
    "read_routing",
    "token_cache",
    "prepared_statements",
    "shard_key",
    "shard_count",
    "citus_node",
)


def loop_name(loop: asyncio.AbstractEventLoop) -> str:
    """uvloop, asyncio or asyncio_debug, from the loop that runs."""
    name = type(loop).__module__.split(".")[0]
    return f"{name}_debug" if loop.get_debug() else name


def effective(
    settings: Settings, facts: DatabaseFacts | None, group_commit: bool, parser: str
) -> dict[str, object]:
    """Setting -> value; called on the running loop."""
    values: dict[str, object] = {name: getattr(settings, name) for name in TAKEN}
    values["event_loop"] = loop_name(asyncio.get_running_loop())
    values["http_parser"] = parser
    values["group_commit"] = "on" if group_commit else "off"
    values["durability"] = facts.durability if facts else "unknown"
    values["fsync"] = facts.fsync if facts else "unknown"
    values["database"] = ("citus" if facts.citus else "postgres") if facts else "unknown"
    values["database_transport"] = "unix" if settings.postgres_host.startswith("/") else "tcp"
    values["app_transport"] = "unix" if settings.backend_socket else "tcp"
    return values
