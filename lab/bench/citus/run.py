"""The run: a cluster with a database for each contender, rounds in changing order.

All are on the same servers and run in the same minutes. Straight to the database: no API in between.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import msgspec

from lab.bench.citus.contenders import CONTENDERS, at
from lab.bench.citus.making import DIALOGS, MESSAGES, USERS, make, task_counts
from lab.bench.citus.turns import Cell, turn
from lab.load.fingerprint import machine
from lab.shards.cluster import Cluster
from lab.stack import citus
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request
from lab.stack.ports import free_ports

CONNECTIONS = 16
WORKERS = 3
WARM_UP_SECONDS = 0.5
Tell = Callable[[str], None]


@dataclass(frozen=True)
class CitusResult:
    """`task_counts`: how many shards a page and the dialogs of a user touch, as EXPLAIN says."""

    command: str
    started_at: str
    machine: dict[str, Any]
    versions: dict[str, str]
    rounds: int
    seconds: float
    task_counts: dict[str, dict[str, int]]
    cells: list[Cell]

    def middle(self, contender: str, cell: str, figure: Callable[[Cell], float]) -> float | None:
        """The median of a figure over the rounds; None where the contender was not asked that."""
        found = [figure(one) for one in self.cells if (one.contender, one.cell) == (contender, cell)]
        return median(found) if found else None


def bench(rounds: int, seconds: float, command: str, home: Path, tell: Tell) -> CitusResult:
    """Run it. Raises StackError where no PostgreSQL of this machine offers Citus."""

    def plan(request: Request) -> Plan:
        folder = request.home / "postgres"
        folder.mkdir(mode=0o711)
        (port,) = free_ports(1)
        programs, coordinator = citus.plan_cluster(folder, port, WORKERS)
        description = StackDescription("citus", request.home, [], [], coordinator, "")
        return Plan(programs, description)

    with running(Request(home, "citus"), tell, planner=plan) as stack:
        return asyncio.run(_bench(stack, rounds, seconds, command, tell))


async def _bench(
    stack: StackDescription, rounds: int, seconds: float, command: str, tell: Tell
) -> CitusResult:
    cluster = await Cluster.connect(stack.postgres)
    workers = [
        replace(stack.postgres, host=node.host, port=node.port)
        for node in await cluster.nodes()
        if not node.coordinator
    ]
    versions = {
        "postgresql": str(await cluster.connection.fetchval("SHOW server_version")),
        "citus": str(
            await cluster.connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'citus'")
        ),
    }
    await cluster.close()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    for contender in CONTENDERS:
        await make(contender, stack.postgres, workers)
        tell(f"{contender.name}: {USERS:,} users, {DIALOGS * MESSAGES:,} messages")
    tasks = {one.name: await task_counts(at(stack.postgres, one)) for one in CONTENDERS}
    cells: list[Cell] = []
    order = random.Random(1)
    turns = [(contender, cell) for contender in CONTENDERS for cell in contender.cells()]
    async with AsyncExitStack() as closing:
        asking: dict[str, list[asyncpg.Connection[Any]]] = {}
        for contender in CONTENDERS:
            asking[contender.name] = [
                await asyncpg.connect(at(stack.postgres, contender).dsn, command_timeout=30)
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
                    seconds=seconds if number >= 0 else WARM_UP_SECONDS,
                    home=stack.home,
                )
                if number >= 0:
                    cells.append(one)
            tell(f"round {number + 1} of {rounds}")
    return CitusResult(
        command, started, msgspec.to_builtins(machine(stack.home)), versions, rounds, seconds, tasks, cells
    )
