"""Two records of one load on one machine, side by side. Pure.

One run each is one observation each: figures can be shown beside each other, a verdict cannot be given.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from lab.errors import UsageError
from lab.experiments.audit import difference
from lab.experiments.machine import fingerprint, other_machine, other_software
from lab.load.record import OWN_KINDS, Latency, RunRecord

# Of the settings of a load: what may differ and leaves a figure what it is.
FREE = {"seed", "duration_seconds", "warm_up_seconds", "sides"}
NO_VERDICT = "one run each: no interval, so no verdict; `lab pull` gives one"


def refuse(one: RunRecord, other: RunRecord) -> None:
    """Raises UsageError that says why two records are not comparable."""
    for record in (one, other):
        if not record.valid:
            raise UsageError(f"one of them is INVALID, its figures do not count: {record.verdict.reasons[0]}")
    machine = other_machine(fingerprint(one.machine), fingerprint(other.machine))
    if machine:
        raise UsageError(f"not of one machine: {_words(machine)}")
    asked, asked_other = _asked(one), _asked(other)
    differing = {
        name: (value, asked_other[name]) for name, value in asked.items() if asked_other[name] != value
    }
    if differing:
        raise UsageError(f"not the same load: {_words(differing)}")


def changes(one: RunRecord, other: RunRecord) -> dict[str, tuple[Any, Any]]:
    """What is different between them: versions, commit, settings in effect, number of processes."""
    found: dict[str, tuple[Any, Any]] = dict(
        other_software(fingerprint(one.machine), fingerprint(other.machine))
    )
    found |= difference([*one.stack.effective.values()], [*other.stack.effective.values()])
    processes, processes_other = len(one.stack.effective), len(other.stack.effective)
    return found | ({"processes": (processes, processes_other)} if processes != processes_other else {})


def figures(record: RunRecord) -> dict[str, float]:
    """Name with unit -> figure; one that was not measured is left out."""
    total = record.total
    spent = sum(one.cpu_seconds for one in record.usage if one.kind not in OWN_KINDS)
    found: dict[str, float | None] = {
        "answered /s": total.ok / record.measured_seconds,
        "p50 ms": _ms(total.intended, "p50"),
        "p99 ms": _ms(total.intended, "p99"),
        "delivery p50 ms": _ms(total.delivery, "p50"),
        "delivery p99 ms": _ms(total.delivery, "p99"),
        "CPU ms per 1,000": spent / total.ok * 1e6 if total.ok else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _ms(times: Latency | None, name: str) -> float | None:
    value: float | None = getattr(times, name, None)
    return None if value is None else value * 1_000


def _asked(record: RunRecord) -> dict[str, Any]:
    settings = {
        name: value for name, value in msgspec.to_builtins(record.settings).items() if name not in FREE
    }
    return {"mode": record.stack.mode, **settings}


def _words(found: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} {a} and {b}" for name, (a, b) in found.items())
