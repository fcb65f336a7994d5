"""From the record of a run to what its page shows."""

import time

from lab.load.guards import claims_p99
from lab.load.record import OWN_KINDS, Figures, Guard, Hop, RunRecord
from lab.report.again import again
from lab.report.histograms import spectrum
from lab.report.ledger import checks as ledger_checks
from lab.report.questions import questions
from lab.report.run import Check, Latency, Story, Timeline, Used
from lab.report.style.page import figures, mebibytes, milliseconds, share

BUSY_SHARE = 0.05  # of the machine, used by others: from there on latencies are theirs as well


def story_of(record: RunRecord) -> Story:
    """Everything that the page says about a run, in words and figures."""
    asked = record.settings
    return Story(
        title=f"{figures(asked.rate)} operations a second for {asked.duration_seconds:g} s, "
        f"mode {record.stack.mode}",
        when=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.started_at)),
        what=_what(record),
        valid=record.valid,
        sentence=record.verdict.sentence,
        reasons=_reasons(record),
        tiles=_tiles(record),
        ledger=ledger_checks(record.ledger),
        guards=[_guard(one) for one in record.guards],
        latencies=_latencies(record),
        parts=_parts(record),
        hops=[(_hop(one), one.p50, one.p99) for one in record.hops],
        timeline=_timeline(record),
        processes=[
            Used(
                one.name,
                one.cpu_seconds,
                one.cpu_seconds / record.measured_seconds if record.measured_seconds else 0.0,
                None if one.cpu_seconds_per_1000 is None else one.cpu_seconds_per_1000 * 1000,
                one.pss_bytes,
                one.kind in OWN_KINDS,
            )
            for one in record.usage
        ],
        settings={
            process: {name: str(value) for name, value in held.items()}
            for process, held in record.stack.effective.items()
        },
        fingerprint=_fingerprint(record),
        command=again(record),
        questions=questions(record),
        notes=_notes(record),
    )


def _notes(record: RunRecord) -> list[str]:
    """What a reader must know before comparing this run with another."""
    notes = []
    if record.interrupted:
        notes.append("Interrupted before its time: the figures are of what was measured until then.")
    others = record.pressure.cores_of_others if record.pressure else 0.0
    if others > BUSY_SHARE * record.machine.cores:
        notes.append(
            f"Other programs used {figures(others, 2)} of the machine's {record.machine.cores} cores. "
            "The ledger stands; do not compare these latencies with another run's."
        )
    return notes


def _what(record: RunRecord) -> str:
    asked = record.settings
    return (
        f"Open loop with Poisson arrivals, seed {asked.seed}; {_mix(asked.mix)}; {asked.sockets:,} sockets, "
        f"{asked.users:,} users in {asked.dialogs:,} dialogs, {asked.content_characters} characters each."
    )


def _mix(mix: dict[str, float]) -> str:
    whole = sum(mix.values()) or 1.0
    return ", ".join(f"{name} {share(weight / whole)}" for name, weight in mix.items() if weight)


def _reasons(record: RunRecord) -> list[str]:
    """The verdict's reasons that its sentence does not hold already."""
    return [reason for reason in record.verdict.reasons if reason not in record.verdict.sentence]


def _tiles(record: RunRecord) -> list[tuple[str, str]]:
    total, ledger = record.total, record.ledger
    achieved = total.ok / record.measured_seconds if record.measured_seconds else 0.0
    tiles = [
        (f"{figures(achieved)}/s", f"answered well, {figures(record.settings.rate)}/s asked for"),
        (milliseconds(total.intended.p50), "p50, from the intended time"),
        (
            milliseconds(total.intended.p99),
            "p99, from the intended time" + ("" if claims_p99(total) else ", not claimed: see the guards"),
        ),
    ]
    if total.delivery is not None:
        tiles.append((milliseconds(total.delivery.p50), "intended send to the receiver's socket, p50"))
        lost = ledger.acknowledged_not_stored + ledger.not_delivered
        tiles.append((f"{lost:,}", f"lost of {ledger.acknowledged:,} acknowledged messages"))
    failed = sum(total.errors.values()) + total.dropped
    tiles.append((f"{failed:,}", f"failed or dropped of {total.offered:,}"))
    return tiles


def _guard(guard: Guard) -> Check:
    advice = f". Try: {guard.advice}" if guard.advice and not guard.ok else ""
    return Check(guard.name, guard.ok, f"{guard.seen}; expected: {guard.expected}{advice}")


def _latencies(record: RunRecord) -> list[Latency]:
    """All operations from intended and from send, and deliveries."""
    rows = [
        _row("all, from the intended time", record.total, "intended"),
        _row("all, from the actual send", record.total, "send"),
    ]
    if record.total.delivery is not None:
        rows.append(_row("delivery, from the intended time", record.total, "delivery"))
    return [row for row in rows if row.count]


def _parts(record: RunRecord) -> list[Latency]:
    """Each operation and each side, where there are several, from the intended time."""
    rows = []
    if len(record.operations) > 1:
        rows += [_row(name, one, "intended") for name, one in record.operations.items()]
    if len(record.sides) > 1:
        rows += [_row(f"side {name}", one, "intended") for name, one in record.sides.items()]
    return [row for row in rows if row.count]


def _row(name: str, of: Figures, kind: str) -> Latency:
    times = getattr(of, kind)
    failed = 0 if kind == "delivery" else sum(of.errors.values())
    return Latency(name, times.samples, failed, spectrum(times), times.max)


def _hop(hop: Hop) -> str:
    return f"{hop.start} to {hop.end}"


def _timeline(record: RunRecord) -> Timeline:
    rows = record.seconds
    troubles = {
        "in flight": [float(row.in_flight) for row in rows],
        "errors": [float(row.errors) for row in rows],
        "dropped": [float(row.dropped) for row in rows],
    }
    latencies = {
        "p50": [row.intended_p50 for row in rows],
        "p99": [row.intended_p99 for row in rows],
        "delivery p99": [row.delivery_p99 for row in rows],
        "generator lag p99": [row.lag_p99 for row in rows],
    }
    return Timeline(
        rates={
            "offered": [float(row.offered) for row in rows],
            "answered well": [float(row.ok) for row in rows],
            "delivered": [float(row.deliveries) for row in rows],
        },
        latencies={name: values for name, values in latencies.items() if any(v is not None for v in values)},
        troubles=troubles,
        marks=record.events,
    )


def _fingerprint(record: RunRecord) -> dict[str, str]:
    machine, asked, levers = record.machine, record.settings, record.stack.levers
    sync = machine.disk_sync_seconds
    return {
        "machine": f"{machine.cpu}, {machine.cores} cores, {mebibytes(machine.memory_bytes)}"
        + (", in a container" if machine.container else ""),
        "disk": "not measured" if sync is None else f"a sync of 8 KiB takes {milliseconds(sync)}",
        "system": f"{machine.system}, kernel {machine.kernel}, Python {machine.python}",
        "commit": machine.code,
        "packages": ", ".join(f"{name} {version}" for name, version in machine.packages.items()),
        "levers": ", ".join(f"{name}={value}" for name, value in levers.items()) or "all at default",
        "generator": f"processes: {asked.generator_processes}, time-out {asked.timeout_seconds:g} s, "
        f"at most {asked.in_flight_limit:,} in flight, {asked.retries} retries, {asked.encoding}, "
        f"tokens {asked.tokens}",
    }
