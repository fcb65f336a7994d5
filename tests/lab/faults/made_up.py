"""A run in which nothing went wrong, made from the example record, and copies in which something did."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from lab.load import record
from lab.load.record import Latency, RunRecord, Second

EXAMPLE = Path(__file__).parents[1] / "load" / "example_record.json"
FINE = Latency(samples=600, mean=0.01, p50=0.01, p90=0.01, p99=0.02, p999=0.03, max=0.05)


def calm() -> RunRecord:
    """Ten seconds of 60 sends each, all delivered at once."""
    run = record.load(EXAMPLE)
    ledger = replace(
        run.ledger,
        clean=True,
        acknowledged_not_stored=0,
        answered_otherwise=0,
        not_delivered=0,
        misrouted=0,
        duplicates_after_client=0,
        out_of_order_after_client=0,
        seq_gaps_in_database=0,
        slowest_delivery_seconds=0.05,
        reconnects=0,
        closes={},
        examples=[],
    )
    total = replace(run.total, errors={}, dropped=0, intended=FINE)
    seconds = [
        Second(
            at=float(at),
            offered=60,
            sent=60,
            ok=60,
            errors=0,
            dropped=0,
            in_flight=0,
            deliveries=120,
            intended_p99=0.02,
            delivery_p99=0.02,
            sockets=100,
            answers=60,
            receipts=120,
        )
        for at in range(10)
    ]
    return replace(run, ledger=ledger, total=total, seconds=seconds)


def changed(
    run: RunRecord, ledger: dict[str, Any] | None = None, total: dict[str, Any] | None = None
) -> RunRecord:
    """The run with these fields of its ledger or totals changed."""
    return replace(
        run, ledger=replace(run.ledger, **(ledger or {})), total=replace(run.total, **(total or {}))
    )
