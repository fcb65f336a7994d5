"""The ledger as sentences: what was promised, what was found."""

from lab.load.record import Ledger
from lab.report.run import Check
from lab.report.style.page import milliseconds


def checks(ledger: Ledger) -> list[Check]:
    """One line for each promise, the broken ones with what was seen; then what is told for completeness."""
    if not ledger.sends:
        return [Check("nothing was sent", True, "this mix only reads: there is nothing to lose")]
    rows = [
        _stored(ledger),
        Check(
            "delivered",
            ledger.not_delivered == 0,
            f"{ledger.delivered:,} of {ledger.owed:,} owed to {ledger.devices:,} devices arrived; "
            f"{ledger.not_delivered:,} never did",
        ),
        Check(
            "once",
            ledger.duplicates_after_client == 0,
            f"{ledger.duplicates_after_client:,} shown twice; {ledger.duplicates_on_wire:,} came twice on "
            "the wire, which is allowed: clients drop ids that they know",
        ),
        Check(
            "in order",
            ledger.out_of_order_after_client == 0,
            f"{ledger.out_of_order_after_client:,} shown out of order; {ledger.out_of_order_on_wire:,} came "
            f"so on the wire; {ledger.gaps_on_wire:,} times a client had to wait for an earlier one",
        ),
        Check(
            "to nobody else",
            ledger.misrouted == 0,
            f"{ledger.misrouted:,} came to somebody else",
        ),
    ]
    if ledger.seq_gaps_in_database is not None:
        gaps = ledger.seq_gaps_in_database
        rows.append(Check("numbered without gaps", gaps == 0, f"{gaps:,} gaps in the seq of the dialogs"))
    if ledger.reads:
        rows.append(_reads(ledger))
    if ledger.stored_not_acknowledged:
        words = f"{ledger.stored_not_acknowledged:,} stored though the sender got no good answer: no loss"
        rows.append(Check("unsure sends", True, words))
    rows.append(Check("repairs", True, _repairs(ledger)))
    rows += [Check("for example", False, line) for line in ledger.examples]
    return rows


def _reads(ledger: Ledger) -> Check:
    """A replica may be late; whether that was asked for is known to who made the ledger (`clean`)."""
    words = (
        f"{ledger.stale_own_reads:,} of {ledger.reads:,} lists lacked a message that their reader had sent, "
        f"{ledger.stale_reads:,} one of anybody that was acknowledged before"
    )
    return Check("read what was written", ledger.stale_own_reads == 0 or ledger.clean, words)


def _stored(ledger: Ledger) -> Check:
    if not ledger.compared_with_database or ledger.stored is None:
        return Check("stored", False, "the database was not compared: a loss there would not be seen")
    ok = ledger.acknowledged_not_stored == 0 and ledger.answered_otherwise == 0
    lost = ledger.acknowledged_not_stored
    words = f"{ledger.acknowledged:,} acknowledged, {ledger.stored:,} rows found, {lost:,} lost"
    if ledger.answered_otherwise:
        words += f", {ledger.answered_otherwise:,} stored otherwise than answered"
    return Check("acknowledged = stored", ok, words)


def _repairs(ledger: Ledger) -> str:
    words = f"{ledger.reconnects:,} reconnects, {ledger.replayed:,} messages came in a replay"
    if ledger.repair_seconds_max is not None:
        words += f", the latest {milliseconds(ledger.repair_seconds_max)} after its intended send"
    if ledger.slowest_delivery_seconds is not None:
        words += f"; the slowest delivery of all took {milliseconds(ledger.slowest_delivery_seconds)}"
    if ledger.closes:
        words += "; sockets closed with " + ", ".join(f"{code} ({n:,}x)" for code, n in ledger.closes.items())
    return words
