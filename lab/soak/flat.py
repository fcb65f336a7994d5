"""Whether a series of samples is flat, grows, or cannot be told. Pure arithmetic."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from scipy.stats import theilslopes

Word = Literal["flat", "grows", "not decided"]
SETTLED_SHARE = 0.25  # of the time: caches fill, the allocator finds its size
LONGEST_SHARE = 0.6  # what is left must be enough to judge
# A websocket service keeps this many of the latest messages of each user who is here.
RING_EVENTS = 128
RING_SPREAD = 1.3  # arrivals are random: the last ring is full so much later than the average one
# A leak of 100 bytes a message at 60 messages/s is 20 MiB an hour; of 1 KiB a socket at 5/s, 17 MiB.
MEMORY_MIB_PER_HOUR = 8.0
COUNT_PER_HOUR = 30.0  # tasks, open files
FEWEST_SAMPLES = 10


class Slope(msgspec.Struct, frozen=True, kw_only=True):
    """Growth of one figure an hour: Theil-Sen (single jumps do not count) with its 95 % interval."""

    first: float
    last: float
    per_hour: float
    low: float
    high: float
    limit: float

    @property
    def word(self) -> Word:
        """`flat`: the whole interval is below the limit; `grows`: all of it is above."""
        if self.high <= self.limit:
            return "flat"
        return "grows" if self.low > self.limit else "not decided"


def settling_seconds(lasts: float, rate: float, dialogs: int) -> float:
    """How long the services may grow: their caches fill, and the rings of the users who are here."""
    full = (
        RING_EVENTS * dialogs / rate * RING_SPREAD
    )  # a user of one dialog hears rate / dialogs messages a second
    return max(SETTLED_SHARE * lasts, min(full, LONGEST_SHARE * lasts))


def slope(seconds: Sequence[float], values: Sequence[float], limit: float, settling: float = 0.0) -> Slope:
    """The growth after the settling time. Raises ValueError for fewer than ten samples after it."""
    begin = seconds[0] + (settling or SETTLED_SHARE * (seconds[-1] - seconds[0]))
    settled = [(at, value) for at, value in zip(seconds, values, strict=True) if at >= begin]
    if len(settled) < FEWEST_SAMPLES:
        raise ValueError(f"{len(settled)} samples after the settling time: expected {FEWEST_SAMPLES}")
    hours = [at / 3600 for at, _ in settled]
    found = theilslopes([value for _, value in settled], hours, 0.95)
    return Slope(
        first=settled[0][1],
        last=settled[-1][1],
        per_hour=float(found[0]),
        low=float(found[2]),
        high=float(found[3]),
        limit=limit,
    )
