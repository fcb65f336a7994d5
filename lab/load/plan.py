"""What a run shall do. Everything that happens follows from the plan, its seed, and what the stack does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lab.errors import UsageError
from lab.stack.description import StackDescription

Operation = Literal["send", "list", "list_deep", "get_user", "dialogs", "search"]
OPERATIONS: tuple[Operation, ...] = ("send", "list", "list_deep", "get_user", "dialogs", "search")

# What no hint brought comes with the sweep, within 36 s.
SETTLE_SECONDS = 40.0

# Word for `--mix`: (shares of the operations, number of dialogs or None for the plan's own).
MIXES: Mapping[str, tuple[Mapping[Operation, float], int | None]] = {
    "send": ({"send": 1}, None),
    # Few dialogs, many messages each: their row locks are what is measured. 9 can be dealt to three sides.
    "send_busy": ({"send": 1}, 9),
    "list": ({"list": 1}, None),
    "list_while_sent": ({"list": 0.8, "send": 0.2}, None),  # what is not written cannot be read too early
    "list_deep": ({"list_deep": 1}, None),
    "get_user": ({"get_user": 1}, None),
    "chat": ({"send": 0.5, "list": 0.3, "dialogs": 0.1, "search": 0.05, "get_user": 0.05}, None),
}


@dataclass(frozen=True)
class Targets:
    """Where a side's requests and sockets go: http://host:port or unix:/path, and ws://host:port/ws."""

    api: tuple[str, ...]
    websockets: tuple[str, ...]


@dataclass(frozen=True)
class LoadPlan:
    """Times are seconds, `rate` is operations per second over all sides together.

    Each arrival goes to a side drawn from the seed, to its processes in turn. A user's sockets are with
    one side. Where the sides have websockets of their own, deliveries count for the side of the receiving
    device, otherwise for the side of the send.
    """

    stack: StackDescription
    rate: float = 200.0
    duration: float = 10.0
    warm_up: float = 2.0  # runs before the measured time and is in no figure, but in the ledger
    seed: int = 1
    mix: str | Mapping[Operation, float] = "send"  # a word of MIXES, or shares: {"send": 2, "list": 1}
    sides: Mapping[str, Targets] = field(default_factory=dict)  # empty: one side `a`, the whole stack
    sockets: int = 200  # devices that listen; each user of a dialog has one, as far as these go
    dialogs: int = 200  # dialogs that are used; taken from those in the database, else made
    content_characters: int = 80
    encoding: Literal["json", "msgpack"] = "json"
    timeout: float = 5.0  # of one request; it counts with this latency
    in_flight_limit: int = 512  # per generator process; an arrival above it is dropped and counted
    retries: int = 0  # further tries of a send that was not answered, with the same id
    settle: float = SETTLE_SECONDS  # longest wait for the last deliveries; nobody waits when none is missing
    processes: int = 1  # of the generator
    stall_test: bool = False  # test the instrument first: 1.6 s
    proxy: bool = True  # through the stack's HAProxy, where it has one
    ways: Path | None = None  # also write every message's way here, as CSV
    asked: Path | None = None  # also write every request's answer here, as CSV
    command: str = ""  # how to run it again; for the report

    def shares(self) -> dict[Operation, float]:
        """Operation -> share of the arrivals, summing to 1. Raises UsageError."""
        if isinstance(self.mix, str):
            if self.mix not in MIXES:
                raise UsageError(
                    f"mix '{self.mix}': expected one of {', '.join(MIXES)}, or shares as send=2,list=1"
                )
            shares = dict(MIXES[self.mix][0])
        else:
            shares = dict(self.mix)
        unknown = [name for name in shares if name not in OPERATIONS]
        if unknown:
            raise UsageError(f"mix: operation '{unknown[0]}': expected one of {', '.join(OPERATIONS)}")
        total = sum(shares.values())
        if total <= 0 or min(shares.values()) < 0:
            raise UsageError("mix: expected shares of 0 and up with at least one above 0")
        return {name: share / total for name, share in shares.items() if share}

    def dialog_count(self) -> int:
        """How many dialogs are used; a mix may have its own number."""
        own = MIXES[self.mix][1] if isinstance(self.mix, str) else None
        return own or self.dialogs

    def targets(self) -> dict[str, Targets]:
        """The sides, or the whole stack as side `a`."""
        if self.sides:
            return dict(self.sides)
        if self.proxy and self.stack.haproxy:
            return {"a": Targets((self.stack.haproxy["url"],), (self.stack.haproxy["websocket"],))}
        return {"a": Targets(tuple(self.stack.api), tuple(self.stack.websockets))}

    def check(self) -> None:
        """Raises UsageError with one line about the first thing that cannot be."""
        self.shares()
        for name, value, lowest in (
            ("rate", self.rate, 0.1),
            ("duration", self.duration, 1),
            ("warm-up", self.warm_up, 0),
            ("sockets", self.sockets, 0),
            ("dialogs", self.dialogs, 1),
            ("content characters", self.content_characters, 1),
            ("in-flight limit", self.in_flight_limit, 1),
            ("generator processes", self.processes, 1),
            ("timeout", self.timeout, 0.01),
        ):
            if not lowest <= value < float("inf"):
                raise UsageError(f"{name} {value:g}: expected {lowest:g} or more")
        if self.content_characters > 4096:
            raise UsageError(f"content characters {self.content_characters}: expected at most 4096")
        if self.retries and self.retries < 0:
            raise UsageError(f"retries {self.retries}: expected 0 or more")
        if self.processes > 1 and self.stack.levers.get("READ_ROUTING") == "replica_ryw":
            raise UsageError(
                "READ_ROUTING=replica_ryw with several generator processes: expected 1, because a reader's "
                "newest write (x-wrote-at) is known to the process that sent it"
            )
