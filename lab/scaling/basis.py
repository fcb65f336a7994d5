"""Which measured capacities a plan rests on: of one load, one SLO, one set of settings and one machine.

Figures of different ones cannot be put together. What is left out is said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError
from lab.scaling.sizing import Range, capacity
from lab.scaling.stored import CapacityResult

SINGLE = ("single",)
ONE_MACHINE = ("multi", "stack", "docker")  # several processes; Citus is another shape of the database


@dataclass(frozen=True)
class Basis:
    """`known`: the newest result of each mode and shape, all alike in load, SLO, settings and machine."""

    known: Sequence[CapacityResult]
    left_out: Sequence[str] = ()

    def best(self, modes: Sequence[str]) -> Range | None:
        """What the best of these modes carries; None when none of them was measured."""
        found = [capacity(one.bracket) for one in self.known if one.mode in modes]
        return max(found, key=lambda one: one.low, default=None)

    def lines(self, here: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """(name, value, option that changes it), for print."""
        one, slo = self.known[0], self.known[0].bracket.slo
        rest = f"{slo.least_achieved:.0%} answered in time, at most {slo.most_errors:.1%} errors"
        where = "this one" if machine_of(one) == words_of(here) else "not this one"
        return [
            ("an action", one.mix, "--mix"),
            ("SLO", f"p99 {slo_of(one)} from the intended send, {rest}", "--slo-ms"),
            ("settings", settings_of(one), "--result"),
            ("machine", f"{machine_of(one)}, {where}, generator and database included", "--result"),
        ]


def load_of(one: CapacityResult) -> str:
    return one.mix


def slo_of(one: CapacityResult) -> str:
    return f"{one.bracket.slo.p99_seconds * 1000:g} ms"


def settings_of(one: CapacityResult) -> str:
    """The settings that were given to the stack, in words."""
    return ", ".join(f"{name}={value}" for name, value in sorted(one.levers.items())) or "the defaults"


def machine_of(one: CapacityResult) -> str:
    return words_of(one.fingerprint)


def words_of(fingerprint: Mapping[str, Any]) -> str:
    """What makes a machine, in words."""
    memory = f"{fingerprint.get('memory_bytes', 0) / 2**30:.1f} GiB"
    place = " in a container" if fingerprint.get("container") else ""
    cores = f"{fingerprint.get('cores')} cores of {fingerprint.get('cpu')}"
    return f"{cores}, {memory}, kernel {fingerprint.get('kernel')}{place}"


ALIKE: tuple[tuple[str, Callable[[CapacityResult], str], str], ...] = (
    ("load", load_of, "--mix"),
    ("SLO", slo_of, "--slo-ms"),
    ("settings", settings_of, "--result"),
    ("machine", machine_of, "--result"),
)


def chosen(results: Sequence[CapacityResult], mix: str, slo_ms: float, here: Mapping[str, Any]) -> Basis:
    """Of all that were measured: those of this load and SLO, with default settings, on this machine.

    Without any of this machine, those of the newest one's. Raises UsageError when nothing is left.
    """
    rest = [one for one in results if one.bracket.passes > 0]
    if not rest:
        raise UsageError("no capacity was measured yet: lab up, lab seed, lab capacity")
    left_out = []
    for name, value_of, option in ALIKE:
        known = [value_of(one) for one in rest]
        wanted = {
            "load": mix,
            "SLO": f"{slo_ms:g} ms",
            "settings": "the defaults",
            "machine": words_of(here) if words_of(here) in known else known[-1],
        }[name]
        others = [value for value in dict.fromkeys(known) if value != wanted]
        if wanted not in known:
            raise UsageError(
                f"no capacity was measured with {name} {wanted}, only with {'; '.join(others)} ({option})"
            )
        left_out += [f"{name} {value}: {known.count(value)} left out ({option})" for value in others]
        rest = [one for one in rest if value_of(one) == wanted]
    return Basis(_newest(rest), left_out)


def given(results: Sequence[CapacityResult]) -> Basis:
    """Those that somebody named. Raises UsageError when they do not belong together."""
    for one in results:
        if not one.bracket.passes > 0:
            raise UsageError(
                f"mode {one.mode}, {one.mix}: no rate held the SLO, there is nothing to plan with"
            )
    for name, value_of, _ in ALIKE:
        found = list(dict.fromkeys(value_of(one) for one in results))
        if len(found) > 1:
            raise UsageError(f"the results are not of one {name}: {' and '.join(found)}")
    return Basis(_newest(sorted(results, key=lambda one: one.started_at)))


def _newest(results: Sequence[CapacityResult]) -> list[CapacityResult]:
    return list({(one.mode, *sorted(one.shape.items())): one for one in results}.values())
