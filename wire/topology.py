"""Who gets which hint: partitions of users, and the keys that publisher and consumer share."""

from collections.abc import Callable
from typing import Literal

PARTITIONS = 64  # enough for 32 websocket processes with two each, few enough to bind them all in one go
RoutingName = Literal["partition", "fanout", "per_user"]
EVERYBODY = "all"
_PARTITION_KEYS = tuple(f"p.{number}" for number in range(PARTITIONS))


def partition_of(user_id: int) -> int:
    """The partition of a user, 0 .. PARTITIONS-1.

    So simple that the proxy can say it too: with BALANCE=partition the users of a partition share a service.
    """
    return user_id % PARTITIONS


def _everybody(_user_id: int) -> str:
    return EVERYBODY


def _partition_key(user_id: int) -> str:
    return _PARTITION_KEYS[partition_of(user_id)]


def _user_key(user_id: int) -> str:
    return f"u.{user_id}"


_KEYS: dict[RoutingName, Callable[[int], str]] = {
    "partition": _partition_key,
    "fanout": _everybody,
    "per_user": _user_key,
}


def routing_of(key_of_user: Callable[[int], str]) -> RoutingName:
    """The name of the routing that has these keys."""
    return next(name for name, keys in _KEYS.items() if keys is key_of_user)


def key_of_user(routing: RoutingName) -> Callable[[int], str]:
    """How a user's key is found: `p.17`, `all` or `u.4711`. A hint goes to the keys of both its users."""
    return _KEYS[routing]
