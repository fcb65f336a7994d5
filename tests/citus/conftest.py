"""Real Citus servers for the whole session (a coordinator, two workers, a spare), and clusters on them.

A cluster is a database of the same name on each server: every module has one of its own within seconds.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from lab.cli import run
from lab.commands import shards as command
from lab.stack import citus
from lab.stack.description import Database, StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request
from lab.stack.ports import free_ports

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "citus" / "runbook"
Lab = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `spare` runs and has the extension, but the coordinator does not know it."""

    home: Path
    coordinator: Database
    workers: list[Database]
    spare: Database
    binaries: Path

    def with_database(self, name: str) -> "Cluster":
        """A new, empty cluster on the same servers."""
        nodes = [self.coordinator, *self.workers, self.spare]
        asyncio.run(_create(name, nodes))
        coordinator, *workers, spare = (replace(node, database=name) for node in nodes)
        assert citus.join(coordinator, workers) is None
        assert citus.prepare(spare) is None
        return replace(self, coordinator=coordinator, workers=workers, spare=spare)

    def distribute(self, shards: int) -> None:
        """Step 1 with another number of shards: each takes a second to move."""
        self._psql("-f", str(RUNBOOK / "01_distribute.sql"), options=f"-c lab.shard_count={shards}")

    def psql(self, step: str, **variables: object) -> str:
        """Run one file of the runbook as its head says; returns what psql printed. Raises on any error."""
        file = next(RUNBOOK.glob(f"{step}*.sql"))
        return self._psql("-f", str(file), *(f"--set={key}={value}" for key, value in variables.items()))

    def sql(self, statement: str) -> str:
        """One statement on the coordinator: bare values, one row a line."""
        return self._psql("-At", "-c", statement).strip()

    def shell(self, command: str) -> str:
        """One command line as a person types it in the project's folder. Raises on any error."""
        return self._run(["bash", "-c", command], "")

    def _psql(self, *words: str, options: str = "") -> str:
        return self._run([str(self.binaries / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *words], options)

    def _run(self, words: Sequence[str], options: str) -> str:
        done = subprocess.run(
            words,
            env={**self._environment(), "PGOPTIONS": options},
            cwd=ROOT,
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
            "PATH": f"{self.binaries}:{os.environ['PATH']}",
        }


class RunbookError(AssertionError):
    """psql stopped; the text is what it said."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Cluster]:
    """The servers, with a cluster in their database `lab`. Skips where no PostgreSQL here offers Citus."""
    binaries = citus.find()
    if binaries is None:
        pytest.skip(citus.MISSING)
    made: dict[str, Database] = {}

    def plan(request: Request) -> Plan:
        folder = request.home / "postgres"
        folder.mkdir(mode=0o711)
        (port,) = free_ports(1)
        programs, coordinator = citus.plan_cluster(folder, port, 2)
        taken = {word for program in programs for word in program.command}
        spare_port = next(port for port in free_ports(4) if f"port={port}" not in taken)
        spare_program, spare = citus.plan_node(
            folder / "spare", "spare", spare_port, coordinator.password, binaries
        )
        made["spare"] = spare
        description = StackDescription("citus", request.home, [], [], coordinator, "secret")
        return Plan([*programs, spare_program], description)

    # Not below pytest's own folder: a second pytest on this machine closes that to other users.
    with tempfile.TemporaryDirectory(prefix="lab-test-citus-") as name:
        home = Path(name) / "home"
        with running(Request(home, "citus"), planner=plan) as description:
            nodes = asyncio.run(_workers(description.postgres))
            workers = [replace(description.postgres, port=port) for port in nodes]
            yield Cluster(home, description.postgres, workers, made["spare"], binaries)


@pytest.fixture(scope="module")
def cluster(servers: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """A cluster for this module: the coordinator knows the workers, and the spare is ready to be added."""
    return servers.with_database(request.module.__name__.rpartition(".")[2])


async def _create(name: str, nodes: Sequence[Database]) -> None:
    for node in nodes:
        connection = await asyncpg.connect(node.dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()


async def _workers(coordinator: Database) -> list[int]:
    connection = await asyncpg.connect(coordinator.dsn)
    try:
        rows = await connection.fetch("SELECT nodeport FROM pg_dist_node WHERE groupid <> 0 ORDER BY nodeid")
    finally:
        await connection.close()
    return [row["nodeport"] for row in rows]


@pytest.fixture
def lab(cluster: Cluster, monkeypatch, tmp_path, capsys) -> Lab:
    """Run `lab shards WORDS` on the cluster; returns (exit code, what it said)."""
    monkeypatch.setattr(command, "RESULTS", tmp_path)

    def call(*words: str) -> tuple[int, str]:
        code = run(["shards", *words, "--dsn", cluster.coordinator.dsn])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call
