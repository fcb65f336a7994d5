"""Which ways of running the path are compared. The plain one is in every group, measured once a round."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lab.stack.modes import Mode

BALANCE = "partition"  # of every way that names no other


@dataclass(frozen=True)
class Way:
    """A stack, and whether the load goes through its proxy."""

    mode: Mode = "stack"
    websockets: int = 2
    levers: Mapping[str, str] = field(default_factory=dict)
    proxy: bool = True
    again: bool = False  # another stack of the same: by so much its figures differ from themselves

    @property
    def stack(self) -> str:
        """The stack in words: ways with the same words run on one."""
        levers = "".join(f" {name}={value}" for name, value in sorted(self.levers.items()))
        return f"{self.mode}, {self.websockets} websocket services{levers}{', again' if self.again else ''}"

    @property
    def settings(self) -> dict[str, str]:
        """Of the stack's services, and of its proxy where it has one."""
        balance = {"BALANCE": BALANCE} if self.mode == "stack" else {}
        return {"HOP_TIMES": "off", **balance, **self.levers}

    @property
    def key(self) -> str:
        """The way in words."""
        return self.stack + ("" if self.proxy else ", no proxy")


def _with(**levers: str) -> Way:
    return Way(levers=levers)


PLAIN = Way()
GROUPS: Mapping[str, Mapping[str, Way]] = {
    "The proxy": {
        "HAProxy over TCP": PLAIN,
        "the same once more": Way(again=True),
        "HAProxy over unix sockets": _with(APP_TRANSPORT="unix"),
        "no proxy": Way(proxy=False),
    },
    "The broker": {
        "rabbitmq": PLAIN,
        "postgres": _with(BROKER="postgres"),
        "memory: all in one process, no proxy": Way(mode="single"),
    },
    "The guarantee": {
        "confirm": PLAIN,
        "fire_and_forget": _with(DELIVERY="fire_and_forget"),
        "outbox": _with(DELIVERY="outbox"),
    },
    "The routing": {
        f"{routing}, {services} websocket service{'s' * (services > 1)}": Way(
            websockets=services, levers={} if routing == "partition" else {"ROUTING": routing}
        )
        for services in (1, 2, 4)
        for routing in ("partition", "fanout", "per_user")
    }
    | {
        f"partition, {services} websocket services, balanced by user": Way(
            websockets=services, levers={"BALANCE": "user"}
        )
        for services in (2, 4)
    },
    "The encoding": {"json": PLAIN, "msgpack": _with(ENCODING="msgpack")},
}


def stacks(groups: Collection[str] = tuple(GROUPS)) -> dict[str, list[Way]]:
    """Stack in words -> the ways of these groups that are measured on it."""
    found: dict[str, dict[str, Way]] = {}
    for group in groups:
        for way in GROUPS[group].values():
            found.setdefault(way.stack, {})[way.key] = way
    return {stack: list(ways.values()) for stack, ways in found.items()}
