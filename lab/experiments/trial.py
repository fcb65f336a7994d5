"""From the record of one run to the observations of its sides: one number a metric. Pure."""

from collections.abc import Mapping

from lab.experiments.arrangement import Arrangement
from lab.experiments.counting import MILLISECONDS, Counters
from lab.experiments.meter import OWN_WORK, postgres_for
from lab.experiments.plan import PullPlan
from lab.load.record import OWN_KINDS, Figures, RunRecord, Usage
from lab.load.record import Guard as RunGuard
from lab.trials.observation import Observation
from lab.trials.schedule import Side, Step
from lab.verdict import Guard


def observations_of(
    record: RunRecord,
    step: Step,
    plan: PullPlan,
    arrangement: Arrangement,
    counters: Mapping[Side, Counters] | None = None,
) -> list[Observation]:
    """One observation for each side of the step. `counters`: what was read at /metrics around it."""
    return [
        _observation(
            record, step, plan, side, own=arrangement.processes[side], counted=(counters or {}).get(side)
        )
        for side in step.sides
    ]


def _observation(
    record: RunRecord,
    step: Step,
    plan: PullPlan,
    side: Side,
    *,
    own: tuple[str, ...] | None,
    counted: Counters | None,
) -> Observation:
    figures = record.sides[side] if own else record.total
    pushes = bool(own) and plan.part == "websocket"
    operations = figures.deliveries if pushes else figures.ok
    touched = [one for one in record.usage if _touched(one, plan, own)]
    everything = [one for one in record.usage if _belongs(one, own)]
    servers = _asked_for(record, plan, side) if own else {}
    metrics = {
        "cpu_per_1k": _per_1000(touched, operations),
        "cpu_per_1k_total": (_per_1000(everything, operations) or 0.0) + sum(servers.values()),
        "p50": _ms(figures.intended.p50),
        "p99": _ms(figures.intended.p99),
        "memory": sum(one.pss_bytes or 0 for one in touched) / 2**20,
    }
    if figures.delivery:
        metrics |= {
            "delivery_p50": _ms(figures.delivery.p50),
            "delivery_p99": _ms(figures.delivery.p99),
        }
    if counted:
        metrics |= counted.ratios()
    return Observation(
        round=step.round,
        place=step.place,
        side=side,
        at=record.started_at,
        metrics={name: value for name, value in metrics.items() if value and value > 0},
        samples=figures.intended.samples,
        delivery_samples=figures.delivery.samples if figures.delivery else 0,
        pressure=(record.pressure.waited or 0.0) if record.pressure else 0.0,
        guards=guards_of(record, figures),
        detail={
            "cpu": _cpu_by_name(record, plan, own, operations) | servers,
            "busiest": list(record.busiest or ()),
            "intended": figures.intended.hdr,
            "send": figures.send.hdr,
            "counted": (counted.besides(operations) if counted else {}) | _stale(record, plan),
            "others": record.pressure.cores_of_others if record.pressure else 0.0,
            "machine": record.machine_share,
            "seconds": [
                {
                    "ok": second.ok,
                    "p99": second.intended_p99,
                    "errors": second.errors,
                    "backlog": second.in_flight,
                }
                for second in record.side_seconds.get(side, record.seconds)
            ],
        },
    )


def guards_of(record: RunRecord, figures: Figures) -> list[Guard]:
    """The guards of the run, those that are about one side recounted for this side, and the ledger."""
    failed = figures.sent - figures.ok
    share = failed / figures.sent if figures.sent else 1.0
    return [
        *(Guard(one.name, one.ok, _words(one)) for one in record.guards),
        Guard("errors of the side", share <= 0.001, f"{share:.2%} of {figures.sent} failed, at most 0.10%"),
        Guard("ledger", record.ledger.clean, _ledger(record)),
    ]


def _words(guard: RunGuard) -> str:
    return f"{guard.seen}, expected {guard.expected}"


def _ledger(record: RunRecord) -> str:
    ledger = record.ledger
    if ledger.clean:
        return f"{ledger.sends:,} sends and {ledger.delivered:,} deliveries, each once and in order"
    return "; ".join(ledger.examples[:2]) or "not clean"


def _touched(one: Usage, plan: PullPlan, own: tuple[str, ...] | None) -> bool:
    if own:
        return one.name in own
    kinds = set(plan.of.processes)
    return one.kind in kinds or ("stack" in kinds and one.kind not in OWN_KINDS)


def _belongs(one: Usage, own: tuple[str, ...] | None) -> bool:
    """Whether it is part of the whole cost of a side; in a duet with PostgreSQL's work for its processes."""
    if own:
        return one.name in own or one.name in {postgres_for(name) for name in own}
    return one.kind not in OWN_KINDS


def _asked_for(record: RunRecord, plan: PullPlan, side: Side) -> dict[str, float]:
    """Of a duet: servers that are a side's value (Redis of CACHE=redis), so that no other value asks them.

    Name -> ms per 1,000 operations of all sides with that value.
    """
    value = plan.value_of(side)
    operations = sum(one.ok for name, one in record.sides.items() if plan.value_of(name) == value)
    servers = [one for one in record.usage if one.kind == value]
    return {one.name: _per_1000([one], operations) or 0.0 for one in servers}


def _stale(record: RunRecord, plan: PullPlan) -> dict[str, float]:
    """Lists that missed what was acknowledged before, as shares; of all sides of a duet together."""
    ledger = record.ledger
    if plan.lever != "read_routing" or not ledger.reads:
        return {}
    return {
        "stale_reads": ledger.stale_reads / ledger.reads,
        "stale_own_reads": ledger.stale_own_reads / ledger.reads,
    }


def _cpu_by_name(
    record: RunRecord, plan: PullPlan, own: tuple[str, ...] | None, operations: int
) -> dict[str, float]:
    """What a report draws: ms per 1,000 operations of the side; what all sides share is divided by all."""
    pushes = bool(own) and plan.part == "websocket"
    all_of_them = record.total.deliveries if pushes else record.total.ok
    doubled = {one.name for one in record.usage if one.kind == plan.part}
    of_a_side = doubled | {postgres_for(name) for name in doubled}
    found = {}
    for one in record.usage:
        if _belongs(one, own):
            found[_role(one.name, own)] = _per_1000([one], operations)
        elif one.kind in OWN_KINDS or one.name == OWN_WORK:
            found[one.name] = _per_1000([one], record.total.ok)
        elif one.name not in of_a_side and one.kind not in plan.values:
            found[f"{one.name} (shared)"] = _per_1000([one], all_of_them)
    return {name: spent for name, spent in found.items() if spent}


def _role(name: str, own: tuple[str, ...] | None) -> str:
    """In a duet the sides' processes differ in their number only: without it they are drawn alike."""
    return name.rpartition("-")[0] if own else name


def _per_1000(usage: list[Usage], operations: int) -> float | None:
    if not operations:
        return None
    return sum(one.cpu_seconds for one in usage) / operations * 1000 * MILLISECONDS


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * MILLISECONDS
