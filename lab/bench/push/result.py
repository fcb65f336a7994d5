"""What the push benchmark found, and how it is told."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.bench.pages import span

SERVICE, BARE = "service", "library alone"
TRANSPORTS = {"tcp": "over TCP", "unix": "over its unix socket, as HAProxy may be"}
READER_WORDS = "100 messages/s go to 20 readers in turn, and 2 MB/s to one more client"


@dataclass(frozen=True)
class Push:
    """One contender writing to all sockets in one round."""

    contender: str
    round: int
    per_second: float  # deliveries asked for
    published: int  # deliveries that must arrive
    received: int
    cpu_seconds: float  # of the process that holds the sockets

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
        return [p.cpu_ms for p in self.pushes if (p.contender, p.per_second) == (contender, per_second)]

    def longest(self, contender: str, stuck: bool) -> list[float]:
        """Round by round."""
        return [g.longest_seconds for g in self.gaps if (g.contender, g.stuck) == (contender, stuck)]

    @property
    def rates(self) -> list[float]:
        return sorted({one.per_second for one in self.pushes})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def rows(result: PushResult) -> list[tuple[str, str, str]]:
    """(what, the service, the library alone): median and span over rounds."""
    found = [
        (
            f"CPU a delivery, {result.sockets:,} sockets, {rate:,.0f} deliveries/s (ms)",
            span(result.cpu_ms(SERVICE, rate), 4),
            span(result.cpu_ms(BARE, rate), 4),
        )
        for rate in result.rates
    ]
    by_name = {one.contender: one for one in result.idle}
    found.append(
        (
            f"memory an idle socket, {by_name[SERVICE].sockets:,} of them (KiB, PSS)",
            f"{by_name[SERVICE].kib_each:.1f}",
            f"{by_name[BARE].kib_each:.1f}",
        )
    )
    for stuck, words in ((False, "all read"), (True, "one client does not read")):
        found.append(
            (
                f"longest silence of the others, {words} (s)",
                span(result.longest(SERVICE, stuck), 3),
                span(result.longest(BARE, stuck), 3),
            )
        )
    return found


def page(result: PushResult, source: str) -> str:
    """The result as a page of the documentation."""
    machine = result.machine
    codes = sorted({str(gap.closed_with) for gap in result.gaps if gap.contender == SERVICE and gap.stuck})
    waited = "unknown" if result.waited is None else f"{result.waited:.0%} of the time"
    rounds = len({one.round for one in result.pushes})
    return "\n".join(
        [
            "# Push: what a delivery, an idle socket and a stuck reader cost",
            "",
            f"    {result.command}",
            "",
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}. "
            f"Some task waited for a core {waited}. Started {result.started_at}. Result file: `{source}`.",
            "",
            f"The service is `python -m websocket_service`, fed by the broker {result.broker}, its clients "
            f"connected {TRANSPORTS[result.transport]} (its CPU a "
            "delivery is everything: hint received and decoded, sessions found, frame encoded, written). "
            "The library alone is the same library in a process that writes like frames to its sockets in "
            f"turn, with `await`. They take turns, {rounds} rounds; median and (smallest .. largest).",
            "",
            "| | the service | the library alone |",
            "|---|---|---|",
            *(f"| {what} | {ours} | {bare} |" for what, ours, bare in rows(result)),
            "",
            f"Deliveries of the service that did not arrive: {result.lost}. "
            f"Its stuck client was closed with {', '.join(codes)}. The library alone awaits one socket after "
            "another, as most such loops do: one that does not read holds up all others.",
            "",
            f"In the rounds with a stuck reader {READER_WORDS} for {result.gap_seconds:g} s.",
            "",
        ]
    )
