"""Which measured capacities a plan rests on: of one load, one SLO, one set of settings and one machine.

Figures of different ones cannot be put together. What is left out is said. A search alone shows how finely it
was made and not how far the next one would end from it: the range of a plan is that of all the repeats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError
from lab.load.plan import LoadPlan
from lab.pressure import MOST_OF_OTHERS
from lab.scaling.capacity import LISTENING_DEVICES
from lab.scaling.sizing import Range, over
from lab.scaling.stored import CapacityResult

SINGLE = ("single",)
ONE_MACHINE = ("multi", "stack", "docker")  # several processes; Citus is another shape of the database


@dataclass(frozen=True)
class Repeats:
    """The searches of one mode and shape, oldest first."""

    searches: Sequence[CapacityResult]

    @property
    def newest(self) -> CapacityResult:
        return self.searches[-1]

    @property
    def carries(self) -> Range:
        """From the lowest rate that ended a search as held to the highest that ended one as failed."""
        return over(one.bracket for one in self.searches)

    def words(self) -> str:
        """How many there are, and of which commits."""
        commits = " and ".join(dict.fromkeys(commit_of(one) for one in self.searches))
        if len(self.searches) == 1:
            return f"one search; repeats differ by tens of per cent (commit {commits})"
        return (
            f"{len(self.searches)} searches, from the lowest that held to the highest that failed "
            f"(commit {commits})"
        )

    def others(self) -> str:
        """What other programs used, where that is much or not known; '' for little."""
        used = [one.bracket.others_cores for one in self.searches]
        if None in used:
            return "what they used was not counted"
        most = max(one for one in used if one is not None)
        return f"they used {most:.1f} cores in the mean of a search" if most > MOST_OF_OTHERS else ""


@dataclass(frozen=True)
class Basis:
    """`known`: the searches of each mode and shape, all alike in load, SLO, settings and machine."""

    known: Sequence[Repeats]
    left_out: Sequence[str] = ()

    def best(self, modes: Sequence[str]) -> Range | None:
        """What the best of these modes carries; None when none of them was measured."""
        found = [one.carries for one in self.known if one.newest.mode in modes]
        return max(found, key=lambda one: one.low, default=None)

    def lines(self, here: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """(name, value, option that changes it), for print."""
        one = self.known[0].newest
        slo = one.bracket.slo
        rest = f"{slo.least_achieved:.0%} answered in time, at most {slo.most_errors:.1%} errors"
        where = "this one" if machine_of(one) == words_of(here) else "not this one"
        return [
            ("an action", one.mix, "--mix"),
            ("SLO", f"p99 {slo_of(one)} from the intended send, {rest}", "--slo-ms"),
            ("settings", settings_of(one), "--result"),
            ("one rate of a search", f"{one.command}, {_load()}", "--result"),
            ("in none of it", "idle sockets, other actions, growth of the tables, checkpoints", "no option"),
            ("machine", f"{machine_of(one)}, {where}, generator and database included", "--result"),
            *((f"{_name(one)} rests on", one.words(), "lab capacity --repeats") for one in self.known),
            *(
                (f"other programs, {_name(one)}", one.others(), "--result")
                for one in self.known
                if one.others()
            ),
        ]


def _load() -> str:
    return f"with {LISTENING_DEVICES} listening devices and {LoadPlan.dialogs} dialogs by default"


def _name(repeats: Repeats) -> str:
    """multi with 2 backend: which row of the plan is meant."""
    return f"{repeats.newest.mode} ({processes(repeats.newest)})"


def processes(one: CapacityResult) -> str:
    """1 postgres, 2 backend"""
    return ", ".join(f"{count} {kind}" for kind, count in one.shape.items())


def load_of(one: CapacityResult) -> str:
    return one.mix


def slo_of(one: CapacityResult) -> str:
    return f"{one.bracket.slo.p99_seconds * 1000:g} ms"


def settings_of(one: CapacityResult) -> str:
    """The settings that were given to the stack, in words."""
    return ", ".join(f"{name}={value}" for name, value in sorted(one.levers.items())) or "the defaults"


def commit_of(one: CapacityResult) -> str:
    return commit_words(one.fingerprint)


def commit_words(fingerprint: Mapping[str, Any]) -> str:
    """The commit, and whether what ran was not what was committed."""
    changed = " with changes that are not committed" if fingerprint.get("changed") else ""
    return f"{fingerprint.get('commit') or 'unknown'}{changed}"


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
    """Of all that were measured: those of this load and SLO, with default settings, on this machine;
    of each mode and shape all those of the newest one's commit.

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
    groups = [_of_one_commit(one) for one in _by_shape(rest)]
    older = len(rest) - sum(len(one.searches) for one in groups)
    left_out += [f"older commits: {older} left out (--result)"] if older else []
    return Basis(groups, left_out)


def given(results: Sequence[CapacityResult]) -> Basis:
    """Those that somebody named, of whatever commits. Raises UsageError when they do not belong together."""
    for one in results:
        if not one.bracket.passes > 0:
            raise UsageError(
                f"mode {one.mode}, {one.mix}: no rate held the SLO, there is nothing to plan with"
            )
    for name, value_of, _ in ALIKE:
        found = list(dict.fromkeys(value_of(one) for one in results))
        if len(found) > 1:
            raise UsageError(f"the results are not of one {name}: {' and '.join(found)}")
    return Basis(_by_shape(sorted(results, key=lambda one: one.started_at)))


def _by_shape(results: Sequence[CapacityResult]) -> list[Repeats]:
    found: dict[tuple[Any, ...], list[CapacityResult]] = {}
    for one in results:
        found.setdefault((one.mode, *sorted(one.shape.items())), []).append(one)
    return [Repeats(searches) for searches in found.values()]


def alike(results: Sequence[CapacityResult]) -> list[Repeats]:
    """The searches of each mode and shape under the same conditions (ALIKE), of the newest one's commit."""
    conditions: dict[tuple[str, ...], list[CapacityResult]] = {}
    for one in results:
        conditions.setdefault(tuple(value_of(one) for _, value_of, _ in ALIKE), []).append(one)
    return [_of_one_commit(group) for same in conditions.values() for group in _by_shape(same)]


def _of_one_commit(repeats: Repeats) -> Repeats:
    """Those of the newest one's commit: between commits it is the code that differs, and not chance."""
    newest = commit_of(repeats.newest)
    return Repeats([one for one in repeats.searches if commit_of(one) == newest])
