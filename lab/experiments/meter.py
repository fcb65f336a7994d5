"""CPU and memory of every process of a stack, with PostgreSQL's work split by whom it worked for.

A PostgreSQL backend serves one connection, and a service names itself on its connections
(application_name). So the server's CPU belongs to a side as well, also when both sides share the server;
a read on a replica belongs to who asked for it there. What no connection asked for (WAL writer, checkpointer,
autovacuum, a replica's replay) is listed as `postgres, own work`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from lab.pressure import cpu_seconds
from lab.stack.description import Database, Kind, StackDescription

OWN_WORK = "postgres, own work"
REPLICA_SECONDS = 3.0  # a replica that does not answer by then keeps its work to itself
CLIENTS = "SELECT pid, application_name FROM pg_stat_activity WHERE backend_type = 'client backend'"


def postgres_for(service: str) -> str:
    """The name under which PostgreSQL's work for a service is listed."""
    return f"postgres for {service}"


def worked_for(client: str | None, services: Iterable[str]) -> str:
    """The same, of the connection of a client that calls itself so; own work when it is no service."""
    # A connection may add what it is for: backend-1-publisher is backend-1's, backend-10 is not.
    known = next((one for one in services if f"{client}-".startswith(f"{one}-")), None)
    return postgres_for(known) if known else OWN_WORK


@dataclass(frozen=True)
class Reading:
    """CPU seconds since the start of each process: {listed name: {pid: seconds}}."""

    by_name: Mapping[str, Mapping[int, float]]

    def since(self, earlier: "Reading") -> dict[str, float]:
        """CPU seconds by name since an earlier reading; a process that ended in between is not seen."""
        before = {pid: seconds for pids in earlier.by_name.values() for pid, seconds in pids.items()}
        return {
            name: sum(max(0.0, seconds - before.get(pid, 0.0)) for pid, seconds in pids.items())
            for name, pids in self.by_name.items()
        }


class Meter:
    """Reads a running stack. `await Meter.of(description)`, and `close` it: it holds connections."""

    def __init__(self, description: StackDescription, connections: Sequence[asyncpg.Connection]) -> None:
        self.kinds: dict[str, Kind] = {one.name: one.kind for one in description.processes}
        self._description = description
        self._connections = connections

    @classmethod
    async def of(cls, description: StackDescription) -> "Meter":
        """A meter of this stack. A replica that is away has no clients to tell of."""
        connections = [await _connect(description.postgres)]
        for replica in description.replicas:
            with suppress(OSError, asyncpg.PostgresError):
                connections.append(await _connect(replica, REPLICA_SECONDS))
        return cls(description, connections)

    async def close(self) -> None:
        """Give the connections back."""
        for connection in self._connections:
            await connection.close()

    async def read(self) -> Reading:
        """CPU so far of every process, children included (uvicorn workers, PostgreSQL backends)."""
        clients = {
            row["pid"]: row["application_name"]
            for connection in self._connections
            for row in await connection.fetch(CLIENTS)
        }
        mine = {connection.get_server_pid() for connection in self._connections}
        found: dict[str, dict[int, float]] = defaultdict(dict)
        for name, pids in self.pids().items():
            for pid in pids:
                if pid in mine:
                    continue
                found[self._listed(name, clients.get(pid))][pid] = cpu_seconds([pid])
        return Reading(found)

    def _listed(self, name: str, client: str | None) -> str:
        return worked_for(client, self.kinds) if self.kinds[name] == "postgres" else name

    def pids(self) -> dict[str, list[int]]:
        """Name -> its process and all that it started, as of now."""
        return {
            name: [pid, *_children(pid)]
            for name, pid in self._description.live_pids().items()
            if name in self.kinds
        }

    def memory_bytes(self) -> dict[str, int]:
        """PSS by name: shared pages are divided by those who share them, so that sums are true."""
        return {name: sum(pss_bytes(pid) for pid in pids) for name, pids in self.pids().items()}


async def _connect(database: Database, seconds: float = 60.0) -> asyncpg.Connection:
    return await asyncpg.connect(
        database.dsn, timeout=seconds, server_settings={"application_name": "lab-meter"}
    )


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss_bytes(pid: int) -> int:
    """Proportional set size of one process; 0 when it is gone or not ours to read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
