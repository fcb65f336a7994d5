"""Effective, not requested: the sides of a comparison may differ in the declared lever and nothing else."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lab.errors import VoidResult

# What differs between any two processes and is no setting.
IDENTITY = {"id", "pid", "service_id", "ws_id", "port", "backend_port", "ws_port", "started_at"}
# Settings that follow from a lever's value and cannot be equal when it is not.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "run_mode": frozenset(
        {
            *("broker", "routing", "encoding", "hints_per_message", "prefetch", "queue_type"),
            *("service", "websockets", "rabbitmq_nodes", "balance", "app_transport", "amqp_client"),
        }
    ),
    "broker": frozenset({"routing", "queue_type", "prefetch", "rabbitmq_nodes", "amqp_client"}),
    "database": frozenset({"run_mode", "database", "shard_key", "shard_count"}),
    "query_path": frozenset({"driver", "token_cache"}),
    "http_server": frozenset({"http_parser"}),
}


def difference(
    left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[str, str]]:
    """Setting -> its two values, where the sides' processes report different ones."""
    a, b = merged(left), merged(right)
    return {
        name: (a.get(name, "not reported"), b.get(name, "not reported"))
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name)
    }


def merged(reports: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The effective settings of several processes; a setting on which they disagree is listed as such."""
    found: dict[str, list[str]] = {}
    for report in reports:
        for name, value in report.items():
            if name not in IDENTITY:
                values = found.setdefault(name, [])
                if str(value) not in values:
                    values.append(str(value))
    return {name: " and ".join(values) for name, values in found.items()}


def check_sides(
    lever: str,
    effective_name: str,
    expected: tuple[str, str],
    sides: Mapping[str, Sequence[Mapping[str, Any]]],
    held: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, tuple[str, str]]:
    """The settings difference of A and B: one line, the lever. Raises VoidResult when it is not.

    `sides` holds the effective settings of the processes of a, a2 and b. `expected` are the lever's words,
    `held` the settings that both sides were given besides.
    """
    for side in ("a", "b"):
        _check_held(held, merged(sides[side]))
    noise = difference(sides["a"], sides["a2"])
    if noise:
        raise VoidResult(f"audit: A and its twin differ in {_words(noise)}; they must be equal")
    found = difference(sides["a"], sides["b"])
    allowed = {effective_name, *FOLLOWS.get(lever, ())}
    foreign = {name: values for name, values in found.items() if name not in allowed}
    if foreign:
        raise VoidResult(f"audit: the sides differ in more than {lever}: {_words(foreign)}")
    if effective_name not in found:
        value = merged(sides["a"]).get(effective_name)
        reported = f"both run with {value}" if value else f"no process reports {effective_name}"
        raise VoidResult(f"audit: {' and '.join(expected)} were asked for, {reported}")
    if not same_words(found[effective_name], expected):
        raise VoidResult(
            f"audit: {' and '.join(expected)} were asked for, {' and '.join(found[effective_name])} run"
        )
    return found


def _check_held(held: Mapping[str, str], reported: Mapping[str, str]) -> None:
    for name, value in held.items():
        found = reported.get(name.lower())
        if found is None:
            raise VoidResult(f"audit: {name}={value} was asked for, and no process of the sides reports it")
        if not same_words((found, value), (value, value)):
            raise VoidResult(f"audit: {name}={value} was asked for on both sides, {found} runs")


def same_words(found: tuple[str, str], expected: tuple[str, str]) -> bool:
    """Whether reported values are the asked ones; numbers may be written differently (0 and 0.0)."""
    return all(_plain(one) == _plain(other) for one, other in zip(found, expected, strict=True))


def _plain(word: str) -> str:
    try:
        return f"{float(word):g}"
    except ValueError:
        return word.lower()


def _words(found: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({a} against {b})" for name, (a, b) in found.items())
