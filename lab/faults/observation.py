"""What a run under a fault shows, and whether it keeps to its row of the table."""

from collections.abc import Sequence

import msgspec

from lab.faults.row import Row
from lab.faults.rows import LATEST_SECONDS
from lab.load.record import RunRecord


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One row, observed. `broken` says what is not as promised; empty: held."""

    name: str
    what: str
    began_second: float
    mended_second: float
    sends: int
    errors: dict[str, int] = {}  # what became of those: status, timeout, connection
    failed: int  # not answered well, also after the retries
    slowest_answer_seconds: float | None
    silent_seconds: int | None = None  # the longest row of seconds in which no good answer came
    reconnects: int
    closes: dict[str, int]
    replayed: int
    latest_seconds: float | None  # the latest delivery, from the moment it was meant to be sent
    polled_seconds: float | None = None  # the worst delivery p99 of the seconds from the sweep to the mending
    repair_seconds: float | None  # from the fault's begin to the last message that was late by over a second
    lost: int
    duplicates: int  # after the client's rule
    disorder: int
    duplicates_on_wire: int
    notes: list[str]
    broken: list[str]

    @property
    def held(self) -> bool:
        return not self.broken


def observe(  # noqa: PLR0917
    row: Row,
    record: RunRecord,
    times: tuple[float, float],
    timeout: float,
    notes: Sequence[str] = (),
    troubles: Sequence[str] = (),
) -> Observation:
    """Compare a run with its row. `times`: begin and mending, seconds from the start of the measured time.

    Bounds are of the stack: what the generator itself was late, as it is on a full machine, is taken off.
    """
    began, mended = times
    ledger, total = record.ledger, record.total
    lost = ledger.acknowledged_not_stored + ledger.not_delivered
    disorder = ledger.out_of_order_after_client
    failed = sum(total.errors.values()) + total.dropped
    own = total.lag.max or 0.0
    broken = list(troubles)
    if row.loses_seconds:
        gone = ledger.acknowledged_not_stored
        most = row.loses_seconds * total.offered / record.measured_seconds
        if gone > most:
            broken.append(f"{gone} lost, bound {most:.0f}: what is acknowledged in {row.loses_seconds:g} s")
        if ledger.misrouted:
            broken.append(f"{ledger.misrouted} misrouted")
    else:
        broken += _unkept(record)
    if failed:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in total.errors.items())
        broken.append(f"{failed} sends failed ({kinds or 'dropped'})")
    if not row.sends_may_wait and (total.intended.max or 0) - own > timeout:
        broken.append(f"a send took {total.intended.max:.1f} s")
    if (latest := ledger.slowest_delivery_seconds or 0.0) - own > row.late_seconds:
        broken.append(f"a message came after {latest:.1f} s, bound {row.late_seconds:g} s")
    polled = _polled(record, began, mended) if row.polled_seconds is not None else None
    if row.polled_seconds is not None and (polled is None or polled - own > row.polled_seconds):
        seen = "nothing came" if polled is None else f"messages came after {polled:.1f} s"
        broken.append(f"from the sweep to the mending {seen}, bound {row.polled_seconds:g} s")
    unexpected = {code: count for code, count in ledger.closes.items() if code not in row.closes}
    if unexpected:
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(unexpected.items()))
        broken.append(f"sockets closed: {codes}")
    return Observation(
        name=row.name,
        what=row.what,
        began_second=began,
        mended_second=mended,
        sends=ledger.sends,
        errors={**total.errors, **({"dropped": total.dropped} if total.dropped else {})},
        failed=failed,
        slowest_answer_seconds=total.intended.max,
        silent_seconds=silent_seconds(record),
        reconnects=ledger.reconnects,
        closes=dict(ledger.closes),
        replayed=ledger.replayed,
        latest_seconds=ledger.slowest_delivery_seconds,
        polled_seconds=polled,
        repair_seconds=_repaired(record, began),
        lost=lost,
        duplicates=ledger.duplicates_after_client,
        disorder=disorder,
        duplicates_on_wire=ledger.duplicates_on_wire,
        notes=list(notes),
        broken=broken,
    )


def _unkept(record: RunRecord) -> list[str]:
    """What the ledger says against the promises."""
    ledger = record.ledger
    counts = {
        "lost": ledger.acknowledged_not_stored + ledger.not_delivered,
        "twice": ledger.duplicates_after_client,
        "out of order": ledger.out_of_order_after_client,
    }
    found = [f"{count} {word}" for word, count in counts.items() if count]
    if not ledger.clean and not found:
        found.append("the ledger is not clean: " + "; ".join(ledger.examples[:2]))
    return found


def silent_seconds(record: RunRecord) -> int | None:
    """The longest row of seconds in which somebody waited and no good answer came; None: was not counted."""
    longest = current = 0
    for second in record.seconds:
        if second.answers is None:
            return None
        current = current + 1 if (second.offered or second.in_flight) and not second.answers else 0
        longest = max(longest, current)
    return longest


def _polled(record: RunRecord, began: float, mended: float) -> float | None:
    """What is sent in these seconds no hint brings: it comes by the polling that the sweep has begun."""
    return max(
        (
            second.delivery_p99
            for second in record.seconds
            if began + LATEST_SECONDS <= second.at <= mended - 1 and second.delivery_p99 is not None
        ),
        default=None,
    )


def _repaired(record: RunRecord, began: float, late_seconds: float = 1.0) -> float | None:
    """Arrivals count in the second they were meant for: that second plus how late its slowest came."""
    ends = [
        second.at + (second.delivery_p99 or 0.0) - began
        for second in record.seconds
        if (second.delivery_p99 or 0.0) > late_seconds and second.at + 1 > began
    ]
    return max(ends, default=None)
