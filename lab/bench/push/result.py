"""What the push benchmark found."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

SERVICE, BARE = "service", "library alone"
IN_TIME = 0.99  # of the deliveries asked for; with fewer the process was full, or its machine
STUCK_SECONDS = 0.1  # a client that does not read may cost the others no longer silence
FEW_ROUNDS, STUCK_OF_FEW_SECONDS = (
    3,
    1.0,
)  # a full machine may be silent for a while; who is awaited is for 2 s


@dataclass(frozen=True)
class Push:
    """One contender writing to all sockets in one round."""

    contender: str
    round: int
    per_second: float  # deliveries asked for
    published: int  # deliveries that must arrive
    received: int
    cpu_seconds: float  # of the process that holds the sockets
    in_time: int  # received before the turn's seconds were over, and a little
    elapsed_seconds: float  # until the last one was received
    frames: int  # in which they came

    @property
    def cpu_ms(self) -> float:
        return self.cpu_seconds / self.received * 1000


@dataclass(frozen=True)
class Gap:
    """The longest silence that readers heard in one round while messages kept flowing to them."""

    contender: str
    round: int
    stuck: bool  # one more client does not read
    per_second: float
    received: int
    longest_seconds: float
    closed_with: int  # how the stuck one was closed; 0: it was not


@dataclass(frozen=True)
class Idle:
    """Memory (PSS) of a process before and after so many sockets were welcomed."""

    contender: str
    sockets: int
    before_bytes: int
    after_bytes: int

    @property
    def kib_each(self) -> float:
        return (self.after_bytes - self.before_bytes) / self.sockets / 1024


@dataclass(frozen=True)
class PushResult:
    command: str
    machine: dict[str, Any]
    started_at: str
    broker: str
    sockets: int
    seconds: float
    gap_seconds: float
    pushes: list[Push]
    gaps: list[Gap]
    idle: list[Idle]
    waited: float | None  # share of the time in which some task waited for a core
    effective: dict[str, Any]
    transport: str = "tcp"  # or unix: of the clients' sockets

    @property
    def lost(self) -> int:
        return sum(one.published - one.received for one in self.pushes if one.contender == SERVICE)

    def cpu_ms(self, contender: str, per_second: float) -> list[float]:
        """Round by round."""
        return [one.cpu_ms for one in self.turns(contender, per_second)]

    def turns(self, contender: str, per_second: float) -> list[Push]:
        """Round by round."""
        return [p for p in self.pushes if (p.contender, p.per_second) == (contender, per_second)]

    def saturated(self, contender: str, per_second: float) -> str:
        """How many came in time where that was not nearly all; else nothing."""
        turns, asked = self.turns(contender, per_second), per_second * self.seconds
        in_time = median(one.in_time for one in turns)
        return "" if in_time >= IN_TIME * asked else f"saturated: {in_time:,.0f} of {asked:,.0f} in time"

    def held_up(self) -> str:
        """What is wrong when a stuck client costs the others of the service silence; else nothing."""
        stuck, free = self.longest(SERVICE, True), max(self.longest(SERVICE, False))
        allowed = STUCK_OF_FEW_SECONDS if len(stuck) < FEW_ROUNDS else STUCK_SECONDS
        if median(stuck) <= max(allowed, free):
            return ""
        return (
            f"with a stuck reader the others heard nothing for {median(stuck):.3f} s, "
            f"without one for {free:.3f} s: expected {allowed:g} s, or no more than without one"
        )

    def longest(self, contender: str, stuck: bool) -> list[float]:
        """Round by round."""
        return [g.longest_seconds for g in self.gaps if (g.contender, g.stuck) == (contender, stuck)]

    @property
    def rates(self) -> list[float]:
        return sorted({one.per_second for one in self.pushes})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
