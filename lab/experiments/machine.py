"""When two results are of one machine: only then do their figures belong side by side."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lab.errors import UsageError
from lab.load.fingerprint import changed
from lab.load.record import Machine

# What makes a machine. The rest of a fingerprint (versions, commit) may be the very thing compared.
HARDWARE = ("cpu", "cores", "memory_bytes", "kernel", "container")


def fingerprint(machine: Machine) -> dict[str, Any]:
    """The machine as builtins, for a result file."""
    found: dict[str, Any] = msgspec.to_builtins(machine)
    return found


def other_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What shows that two fingerprints are of different machines; empty when they are of one."""
    return {name: (one.get(name), other.get(name)) for name in HARDWARE if one.get(name) != other.get(name)}


def other_software(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Versions and commit that differ. Two trees with changes are never alike: nobody knows which changes."""
    flat, flat_other = _software(one), _software(other)
    found = {
        name: (flat.get(name), flat_other.get(name))
        for name in sorted({*flat, *flat_other})
        if flat.get(name) != flat_other.get(name)
    }
    before, after = (bool(fingerprint.get("changed")) for fingerprint in (one, other))
    return found | ({"changes that are not committed": (before, after)} if before or after else {})


def refuse_changes() -> None:
    """Of what shall be kept. Raises UsageError where the tree has changes: nobody could measure it again."""
    if changed():
        raise UsageError(
            "--keep: the tree has changes that are not committed; commit them, or leave --keep out"
        )


def _software(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "python": fingerprint.get("python"),
        "commit": fingerprint.get("commit"),
        **dict(fingerprint.get("packages") or {}),
    }
