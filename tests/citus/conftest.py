"""A real Citus cluster for the tests of a module: a coordinator, two workers, and a third one held back."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from lab.stack import citus
from lab.stack.description import Database, StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request
from lab.stack.ports import free_ports

RUNBOOK = Path(__file__).parents[2] / "citus" / "runbook"


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `spare` runs and has the extension, but the coordinator does not know it."""

    home: Path
    coordinator: Database
    workers: list[Database]
    spare: Database
    binaries: Path

    def psql(self, step: str, **variables: object) -> str:
        """Run one file of the runbook as its head says; returns what psql printed. Raises on any error."""
        file = next(RUNBOOK.glob(f"{step}*.sql"))
        return self._psql("-f", str(file), *(f"--set={key}={value}" for key, value in variables.items()))

    def sql(self, statement: str) -> str:
        """One statement on the coordinator: bare values, one row a line."""
        return self._psql("-At", "-c", statement).strip()

    def _psql(self, *words: str) -> str:
        done = subprocess.run(
            [str(self.binaries / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RunbookError(done.stderr)
        return done.stdout + done.stderr

    def _environment(self) -> Mapping[str, str]:
        there = self.coordinator
        return {
            "PGHOST": there.host,
            "PGPORT": str(there.port),
            "PGUSER": there.user,
            "PGPASSWORD": there.password,
            "PGDATABASE": there.database,
            "HOME": str(self.home),
        }


class RunbookError(AssertionError):
    """psql stopped; the text is what it said."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of its own for each module. Skips where no PostgreSQL of this machine offers Citus."""
    binaries = citus.find()
    if binaries is None:
        pytest.skip(citus.MISSING)
    made: dict[str, Database] = {}

    def plan(request: Request) -> Plan:
        folder = request.home / "postgres"
        folder.mkdir(mode=0o711)
        port, spare_port = free_ports(2)
        programs, coordinator = citus.plan_cluster(folder, port, 2)
        spare_program, spare = citus.plan_node(
            folder / "spare", "spare", spare_port, coordinator.password, binaries
        )
        spare_program = replace(
            spare_program, order=spare_program.order + 2, check=lambda: citus.prepare(spare)
        )
        made["spare"] = spare
        description = StackDescription("citus", request.home, [], [], coordinator, "secret")
        return Plan([*programs, spare_program], description)

    # Not below pytest's own folder: a second pytest on this machine closes that to other users.
    with tempfile.TemporaryDirectory(prefix="lab-test-citus-") as name:
        home = Path(name) / "home"
        with running(Request(home, "citus"), planner=plan) as description:
            nodes = asyncio.run(_workers(description.postgres))
            yield Cluster(
                home, description.postgres, [replace(description.postgres, port=port) for port in nodes],
                made["spare"], binaries,
            )  # fmt: skip


async def _workers(coordinator: Database) -> list[int]:
    connection = await asyncpg.connect(coordinator.dsn)
    try:
        rows = await connection.fetch("SELECT nodeport FROM pg_dist_node WHERE groupid <> 0 ORDER BY nodeid")
    finally:
        await connection.close()
    return [row["nodeport"] for row in rows]
