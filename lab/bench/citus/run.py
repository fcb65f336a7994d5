"""The run: a cluster with a database for each contender, rounds in changing order.

All are on the same servers and run in the same minutes. Straight to the database: no API in between.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import msgspec

from lab.bench.citus.contenders import CONTENDERS, Contender, at
from lab.bench.citus.explaining import task_counts
from lab.bench.citus.making import DIALOGS, MESSAGES, USERS, make
from lab.bench.citus.turns import Cell, turn
from lab.load.fingerprint import machine
from lab.shards.cluster import Cluster
from lab.stack import citus
from lab.stack.description import Database, StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request
from lab.stack.ports import free_ports

CONNECTIONS = 16
WORKERS = 3
WARM_UP_SECONDS = 0.5
Tell = Callable[[str], None]


@dataclass(frozen=True)
class CitusResult:
    """`task_counts`: contender -> statement -> how many shards it asks, as EXPLAIN says."""

    command: str
    started_at: str
    machine: dict[str, Any]
    versions: dict[str, str]
    rounds: int
    seconds: float
    task_counts: dict[str, dict[str, int | None]]
    cells: list[Cell]

    def middle(self, contender: str, cell: str, figure: Callable[[Cell], float]) -> float | None:
        """The median of a figure over the rounds; None where the contender was not asked that."""
        found = [figure(one) for one in self.cells if (one.contender, one.cell) == (contender, cell)]
        return median(found) if found else None


def bench(
    rounds: int,
    seconds: float,
    command: str,
    home: Path,
    tell: Tell,
    *,
    contenders: Sequence[Contender] = CONTENDERS,
) -> CitusResult:
    """Run it. Raises StackError where no PostgreSQL of this machine offers Citus."""

    def plan(request: Request) -> Plan:
        folder = request.home / "postgres"
        folder.mkdir(mode=0o711)
        (port,) = free_ports(1)
        programs, coordinator = citus.plan_cluster(folder, port, WORKERS)
        description = StackDescription("citus", request.home, [], [], coordinator, "")
        return Plan(programs, description)

    with running(Request(home, "citus"), tell, planner=plan) as stack:
        return asyncio.run(_bench(stack, rounds, seconds, command, tell, contenders=contenders))


async def _bench(
    stack: StackDescription,
    rounds: int,
    seconds: float,
    command: str,
    tell: Tell,
    *,
    contenders: Sequence[Contender],
) -> CitusResult:
    cluster = await Cluster.connect(stack.postgres)
    nodes = await cluster.nodes()
    await cluster.close()
    workers = [
        replace(stack.postgres, host=node.host, port=node.port) for node in nodes if not node.coordinator
    ]
    started = datetime.now(UTC).isoformat(timespec="seconds")
    versions = await _versions(stack.postgres)
    tasks, cells = await compare(
        contenders, stack.postgres, workers, rounds=rounds, seconds=seconds, home=stack.home, tell=tell
    )
    return CitusResult(
        command, started, msgspec.to_builtins(machine(stack.home)), versions, rounds, seconds, tasks, cells
    )


async def _versions(coordinator: Database) -> dict[str, str]:
    cluster = await Cluster.connect(coordinator)
    try:
        asked = await cluster.connection.fetchrow(
            "SELECT current_setting('server_version') AS postgresql, extversion AS citus"
            " FROM pg_extension WHERE extname = 'citus'"
        )
    finally:
        await cluster.close()
    assert asked is not None
    return dict(asked)


async def compare(
    contenders: Sequence[Contender],
    coordinator: Database,
    workers: Sequence[Database],
    *,
    rounds: int,
    seconds: float,
    home: Path,
    tell: Tell,
) -> tuple[dict[str, dict[str, int | None]], list[Cell]]:
    """Make the contenders' databases on these servers (run folder `home`), and ask each in turns.

    Returns the shards that each touches, and what was measured.
    """
    for contender in contenders:
        await make(contender, coordinator, workers)
        tell(f"{contender.name}: {USERS:,} users, {DIALOGS * MESSAGES:,} messages")
    tasks = {one.name: await task_counts(at(coordinator, one)) for one in contenders}
    cells: list[Cell] = []
    order = random.Random(1)
    turns = [(contender, cell) for contender in contenders for cell in contender.cells()]
    async with AsyncExitStack() as closing:
        asking: dict[str, list[asyncpg.Connection[Any]]] = {}
        for contender in contenders:
            asking[contender.name] = [
                await asyncpg.connect(
                    at(coordinator, contender).dsn, command_timeout=30, server_settings=contender.session
                )
                for _ in range(CONNECTIONS)
            ]
            for connection in asking[contender.name]:
                closing.push_async_callback(connection.close)
        for number in range(-1, rounds):  # -1: warm-up, thrown away
            order.shuffle(turns)
            for contender, cell in turns:
                one = await turn(
                    asking[contender.name],
                    contender,
                    cell,
                    number=number,
                    seconds=seconds if number >= 0 else min(seconds, WARM_UP_SECONDS),
                    home=home,
                )
                if number >= 0:
                    cells.append(one)
            tell(f"round {number + 1} of {rounds}")
    return tasks, cells
