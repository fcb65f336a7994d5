"""Who gets which hint: partitions of users, and the names that publisher and consumer share."""

from typing import Literal

PARTITIONS = 64  # enough for 32 websocket processes with two each, few enough to bind them all in one go
RoutingName = Literal["partition", "fanout", "per_user"]


def partition_of(user_id: int) -> int:
    """The partition of a user, 0 .. PARTITIONS-1. Multiplicative hash: neighbouring ids spread evenly."""
    return ((user_id * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF) >> 58
