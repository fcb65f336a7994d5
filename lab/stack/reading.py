"""Who reads where: each API process's reads by node, from its own counters."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from lab.stack.description import Process, StackDescription
from lab.stack.services import replica_of

PRIMARY = "primary"
UNKNOWN = "a replica"  # under docker compose a container chooses its own


@dataclass(frozen=True)
class Reading:
    """Reads of one API process since its start: of the primary, and of `replica`, the one that it is given.

    `reads` is empty where the process did not answer.
    """

    process: str
    replica: str
    reads: Counter[str]


def readings(stack: StackDescription) -> list[Reading]:
    """Every API process of a stack, asked at its /metrics."""
    return [_ask(stack, process) for process in stack.processes if process.kind == "backend"]


def by_node(found: Sequence[Reading]) -> Counter[str]:
    """Reads that each node answered, for all processes."""
    total: Counter[str] = Counter()
    for one in found:
        total += one.reads
    return total


def _ask(stack: StackDescription, process: Process) -> Reading:
    replica = _replica(stack, process)
    try:
        url = (process.health or "").removesuffix("/health") + "/metrics"
        text = httpx.get(url, timeout=5).raise_for_status().text
    except (httpx.HTTPError, httpx.InvalidURL):
        return Reading(process.name, replica, Counter())
    told = {name: int(float(value)) for name, value in re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE)}
    reads = {
        node: sum(value for name, value in told.items() if name in (counter, f"{counter}_total"))
        for node, counter in ((PRIMARY, "reads_primary"), (replica, "reads_replica"))
    }
    return Reading(process.name, replica, Counter(reads))


def _replica(stack: StackDescription, process: Process) -> str:
    number = re.fullmatch(r"backend-(\d+)", process.name)
    if number is None or stack.mode == "docker":
        return UNKNOWN
    port = replica_of(int(number[1]), stack.replicas).get("POSTGRES_REPLICA_PORT")
    names = {str(each.port): f"replica-{n}" for n, each in enumerate(stack.replicas, 1)}
    return names.get(port or "", UNKNOWN)
