"""Whether a lever can be pulled here: its option exists, and the parts it needs are on this machine."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from lab.stack import citus, doctor, nats, rabbitmq, redis
from lab.stack.settings_listing import documented
from levers.lever import Lever

# Levers that are no setting of a process: the rig builds the stack differently.
BUILT = {
    "RUN_MODE",
    "WEBSOCKETS",
    "RABBITMQ_NODES",
    "BALANCE",
    "APP_TRANSPORT",
    "DATABASE_TRANSPORT",
    "DATABASE_MODE",
}

# Part: (is it here, as the stack looks for it?, what to do when it is not)
PARTS: dict[str, tuple[Callable[[], bool], str]] = {
    "rabbitmq": (lambda: rabbitmq.scripts() is not None, "apt install rabbitmq-server"),
    "haproxy": (lambda: doctor.which("haproxy") is not None, "apt install haproxy"),
    "nats": (lambda: nats.program() is not None, "apt install nats-server"),
    "redis": (lambda: redis.program() is not None, "apt install redis-server"),
    "sqlalchemy": (lambda: _module("sqlalchemy"), "pip install '.[twins]'"),
    "citus": (lambda: citus.find() is not None, "a PostgreSQL with the Citus extension"),
}
SERVERS = ("rabbitmq", "haproxy")  # of run mode stack
VALUE_PARTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("broker", "rabbitmq"): ("rabbitmq",),
    ("broker", "nats"): ("nats",),
    ("broker", "redis"): ("redis",),
    ("cache", "redis"): ("redis",),
    ("run_mode", "stack"): SERVERS,
    ("database", "citus"): (*SERVERS, "citus"),
}


@dataclass(frozen=True)
class Availability:
    """`ready`, or the reason why not and what would mend it. `without`: values that cannot be used here."""

    ready: bool
    reason: str = ""
    without: tuple[str, ...] = ()


def availability(lever: Lever) -> Availability:
    """Asked of the documented settings and this machine; starts nothing."""
    if lever.env not in documented() and lever.env not in BUILT:
        return Availability(False, f"no process reads {lever.env} yet")
    for need in lever.needs:
        here, mend = PARTS[need]
        if not here():
            return Availability(False, f"{need} is not here: {mend}")
    without = tuple(value for value in lever.values if not value_is_here(lever, value))
    return Availability(True, f"without {', '.join(without)}" if without else "", without)


def value_is_here(lever: Lever, value: str) -> bool:
    """Whether the parts that one value needs are on this machine."""
    return all(PARTS[part][0]() for part in VALUE_PARTS.get((lever.name, value), ()))


def _module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
