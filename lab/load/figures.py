"""From rows to figures. Percentiles are of all samples of the run, never averages of percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from lab.load import job as pipe
from lab.load.http_client import DROPPED, NO_CONNECTION, NO_SENSE, TIMED_OUT
from lab.load.plan import OPERATIONS
from lab.load.record import Figures, Hop, Latency, Second
from lab.load.schedule import Schedule
from wire.message import HOPS

UNREPORTED = -9  # the generator process ended before it said what became of the arrival
ERROR_WORDS = {
    TIMED_OUT: "timeout",
    NO_CONNECTION: "connection",
    NO_SENSE: "malformed",
    UNREPORTED: "unreported",
}
WAY = ("intended", "sent", *HOPS, "received")
WAY_WORDS = ("generator", "request", "commit", "publish", "broker", "push", "socket")
HIGHEST_MICROSECONDS = 3_600_000_000
LAYOUTS: dict[str, np.dtype[np.void]] = {
    "operations": np.dtype(pipe.OPERATION_FIELDS),
    "received": np.dtype(pipe.RECEIVED_FIELDS),
    "applied": np.dtype(pipe.APPLIED_FIELDS),
    "hops": np.dtype(pipe.HOPS_FIELDS),
}
Times = NDArray[np.float64]


@dataclass
class Rows:
    """All rows that the generator's processes have reported so far."""

    operations: list[NDArray[np.void]] = field(default_factory=list)
    received: list[NDArray[np.void]] = field(default_factory=list)
    applied: list[NDArray[np.void]] = field(default_factory=list)
    hops: list[NDArray[np.void]] = field(default_factory=list)

    def add(self, report: pipe.Report) -> None:
        """Take over a report's rows."""
        for name, layout in LAYOUTS.items():
            if data := getattr(report, name):
                getattr(self, name).append(np.frombuffer(data, dtype=layout))

    def whole(self, name: str) -> NDArray[np.void]:
        """All rows of a kind as one array."""
        parts: list[NDArray[np.void]] = getattr(self, name)
        return np.concatenate(parts) if parts else np.empty(0, dtype=LAYOUTS[name])


@dataclass(frozen=True)
class Samples:
    """The arrivals of a run by number, with what became of them. Moments are of time.monotonic()."""

    due: Times
    operation: NDArray[np.uint8]
    side: NDArray[np.uint8]
    status: NDArray[np.int16]
    fired: Times
    sent: Times
    answered: Times
    seq: NDArray[np.int64]

    @classmethod
    def of(cls, schedule: Schedule, rows: NDArray[np.void], start: float) -> "Samples":
        """Join the schedule with the rows; what has no row is UNREPORTED."""
        count = len(schedule)
        status = np.full(count, UNREPORTED, dtype=np.int16)
        moments = {name: np.full(count, np.nan) for name in ("fired", "sent", "answered")}
        seq = np.zeros(count, dtype=np.int64)
        number = rows["number"]
        status[number] = rows["status"]
        seq[number] = rows["seq"]
        for name, column in moments.items():
            column[number] = rows[name]
        return cls(schedule.due + start, schedule.operation, schedule.side, status, **moments, seq=seq)

    def of_side(self, number: int) -> "Samples":
        """The arrivals of one side; their numbers are lost."""
        mine = self.side == number
        return Samples(**{name: column[mine] for name, column in vars(self).items()})

    @property
    def ok(self) -> NDArray[np.bool_]:
        return (self.status >= 200) & (self.status < 300)

    def latency(self, since: Times, limit: float) -> Times:
        """Answer time; a failed request counts with at least the time limit, so that failing is not fast."""
        taken = self.answered - since
        return np.where(self.ok, taken, np.fmax(np.nan_to_num(taken, nan=limit), limit))


@dataclass(frozen=True)
class Deliveries:
    """Messages of this run applied by devices: when, how long after they were due, for which side."""

    number: NDArray[np.int64]
    due: Times
    taken: Times
    side: NDArray[np.uint8]

    @classmethod
    def of(
        cls, applied: NDArray[np.void], samples: Samples, side_of_device: NDArray[np.uint8] | None
    ) -> "Deliveries":
        """`side_of_device` None: a delivery counts for the side of its send."""
        mine = applied[applied["number"] >= 0]
        number = mine["number"].astype(np.int64)
        due = samples.due[number]
        side = samples.side[number] if side_of_device is None else side_of_device[mine["device"]]
        return cls(number, due, mine["at"] - due, side)

    def of_side(self, number: int) -> "Deliveries":
        """Those that count for one side."""
        mine = self.side == number
        return Deliveries(self.number[mine], self.due[mine], self.taken[mine], self.side[mine])


def latency(values: Times) -> Latency:
    """A distribution with its histogram."""
    count = len(values)
    if not count:
        return Latency(samples=0)
    p50, p90, p99, p999 = np.quantile(values, [0.5, 0.9, 0.99, 0.999], method="higher").tolist()
    histogram = HdrHistogram(1, HIGHEST_MICROSECONDS, 3)
    micro = np.clip((values * 1e6).round().astype(np.int64), 1, HIGHEST_MICROSECONDS)
    for value, times in zip(*(found.tolist() for found in np.unique(micro, return_counts=True)), strict=True):
        histogram.record_value(value, times)
    return Latency(
        samples=count,
        mean=float(values.mean()),
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=float(values.max()),
        hdr=histogram.encode().decode(),
    )


def figures(samples: Samples, chosen: NDArray[np.bool_], limit: float, delivered: Times | None) -> Figures:
    """Of the chosen arrivals; `delivered` are the delivery times that belong to them, None without sends."""
    offered = int(chosen.sum())
    status = samples.status[chosen]
    dropped = int((status == DROPPED).sum())
    ok = samples.ok
    bad, times = np.unique(status[~ok[chosen] & (status != DROPPED)], return_counts=True)
    tried = chosen & (samples.status != DROPPED)
    send = samples.latency(samples.sent, limit)[tried]
    return Figures(
        offered=offered,
        sent=offered - dropped,
        ok=int((ok & chosen).sum()),
        dropped=dropped,
        errors={
            ERROR_WORDS.get(code, str(code)): n for code, n in zip(bad.tolist(), times.tolist(), strict=True)
        },
        intended=latency(samples.latency(samples.due, limit)[tried]),
        send=latency(send),
        lag=latency(_finite((samples.fired - samples.due)[chosen])),
        delivery=None if delivered is None else latency(delivered),
        deliveries=0 if delivered is None else len(delivered),
    )


def _finite(values: Times) -> Times:
    return values[np.isfinite(values)]


def by_operation(samples: Samples, measured: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Operation -> which arrivals, for those that occur."""
    present = {name: measured & (samples.operation == code) for code, name in enumerate(OPERATIONS)}
    return {name: chosen for name, chosen in present.items() if chosen.any()}


def second(
    at: float,
    begin: float,
    *,
    samples: Samples,
    deliveries: Deliveries,
    limit: float,
    sockets: int,
) -> Second:
    """The figures of the second that begins at `begin` (time.monotonic()); `at` is its name."""
    chosen = (samples.due >= begin) & (samples.due < begin + 1)
    dropped = chosen & (samples.status == DROPPED)
    known = chosen & ~dropped & (samples.status != UNREPORTED)
    bad = known & ~samples.ok
    delivered = deliveries.taken[(deliveries.due >= begin) & (deliveries.due < begin + 1)]
    end = begin + 1
    came = deliveries.due + deliveries.taken
    waiting = (samples.status != DROPPED) & (samples.fired <= end) & ~(samples.answered <= end)
    return Second(
        at=at,
        offered=int(chosen.sum()),
        sent=int((chosen & ~dropped).sum()),
        ok=int((samples.ok & chosen).sum()),
        errors=int(bad.sum()),
        dropped=int(dropped.sum()),
        in_flight=int(waiting.sum()),
        deliveries=len(delivered),
        **_two("intended", samples.latency(samples.due, limit)[known]),
        **_two("send", samples.latency(samples.sent, limit)[known]),
        **_two("delivery", delivered),
        lag_p99=_quantile(_finite((samples.fired - samples.due)[chosen]), 0.99),
        sockets=sockets,
        answers=int((samples.ok & (samples.answered >= begin) & (samples.answered < end)).sum()),
        receipts=int(((came >= begin) & (came < end)).sum()),
    )


def _two(name: str, values: Times) -> dict[str, float | None]:
    return {f"{name}_p50": _quantile(values, 0.5), f"{name}_p99": _quantile(values, 0.99)}


def _quantile(values: Times, share: float) -> float | None:
    return float(np.quantile(values, share, method="higher")) if len(values) else None


def hops(rows: NDArray[np.void], samples: Samples, clock: float, begin: float) -> list[Hop]:
    """Each hop over the messages due since `begin` whose services kept their times; empty when none did."""
    rows = rows[samples.due[rows["number"]] >= begin]
    if not len(rows):
        return []
    number = rows["number"]
    moments = np.column_stack(
        [samples.due[number] + clock, samples.sent[number] + clock, rows["hops"], rows["received"] + clock]
    )
    steps = np.diff(moments, axis=1)
    return [
        Hop(
            name=name,
            start=WAY[place],
            end=WAY[place + 1],
            p50=float(np.quantile(taken, 0.5)),
            p99=float(np.quantile(taken, 0.99)),
            samples=len(taken),
        )
        for place, name in enumerate(WAY_WORDS)
        if len(taken := _finite(steps[:, place]))
    ]


def sockets_at(moments: Sequence[tuple[float, int]], moment: float) -> int:
    """The newest count of open sockets reported until then."""
    return next((count for at, count in reversed(moments) if at <= moment), 0)
