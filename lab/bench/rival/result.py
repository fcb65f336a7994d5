"""What is asked of the comparison, and what came of it."""

from pathlib import Path
from typing import Literal

import msgspec

from lab.load.record import Machine

Side = Literal["ours", "fed", "rival"]  # fed: our services, fed past the API as the rival's are
SIDES: tuple[Side, ...] = ("ours", "fed", "rival")


class Turn(msgspec.Struct, frozen=True):
    """Some seconds of load on one side, and what came in just these seconds.

    CPU is that of its websocket services. `failed`: why the turn is not compared with others; `late`: that
    the rival's sender took longer than the load wanted, which is a limit of its own.
    """

    side: Side
    messages: int
    deliveries: int
    owed: int
    cpu_seconds: float
    delay_p50: float
    failed: list[str] = []
    late: list[str] = []

    @property
    def per_cpu_second(self) -> float:
        return self.deliveries / self.cpu_seconds


class Restart(msgspec.Struct, frozen=True):
    """What a side did over a restart of the broker. `accepted`: the sender was told that all is well."""

    side: Side
    messages: int
    accepted: int
    owed: int  # deliveries of those that were accepted
    lost: int
    latest_seconds: float  # the latest delivery
    share_at_the_end: float  # of the deliveries owed in the last seconds: does it work again?


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    format: str = "fastapi-performance-lab/rival"
    command: str
    started_at: float
    rate: float
    sockets: int
    services: int = 2  # of each side
    publish_interval_seconds: float = 0.0  # ours
    turns: list[Turn]
    restarts: list[Restart]
    restart_seconds: float
    versions: dict[str, str]
    machine: Machine
    waited: float | None

    def ratios(self, side: Side = "ours") -> list[float]:
        """Deliveries per CPU-second, ours over the rival's, of the rounds in which both turns count."""
        mine = [turn for turn in self.turns if turn.side == side]
        theirs = [turn for turn in self.turns if turn.side == "rival"]
        return [
            one.per_cpu_second / other.per_cpu_second
            for one, other in zip(mine, theirs, strict=True)
            if not one.failed and not other.failed
        ]


class RivalPlan(msgspec.Struct, frozen=True):
    """How much of what."""

    rounds: int
    seconds: float
    rate: float
    sockets: int
    seed: int
    home: Path
    command: str
    services: int = 2  # of each side
    publish_interval_seconds: float = 0.0  # ours
