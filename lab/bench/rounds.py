"""The run: a stack with every contender, each round new processes in another order, the ledger at the end."""

import asyncio
import json
import os
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg
import msgspec
import psutil

from lab.bench import closed_loop, population
from lab.bench.closed_loop import Tally
from lab.bench.contenders import COMMON, CONTENDERS
from lab.bench.population import Population
from lab.bench.result import BenchResult, Cell
from lab.errors import LabError
from lab.load.fingerprint import machine
from lab.pressure import between, cpu_seconds, moment
from lab.stack.description import StackDescription
from lab.stack.host import restart, running
from lab.stack.modes import Request

WARM_UP_SECONDS = 0.3  # of each kind of request, after each start
DOINGS = {"send_32": ("send", 32), "send_1": ("send", 1), "list_32": ("page", 32)}
GOOD = {"send": 201, "page": 200}

STORED = "SELECT count(*) FROM dialogmessage"
GAPS = """
SELECT count(*) FROM (
    SELECT FROM dialogmessage AS m JOIN dialog AS d USING (dialog_id)
    GROUP BY d.dialog_id
    HAVING count(*) <> max(m.seq) OR min(m.seq) <> 1 OR max(m.seq) <> max(d.last_seq)
) AS gap
"""


@dataclass(frozen=True)
class BenchPlan:
    """How long and how often."""

    rounds: int
    seconds: float
    seed: int
    home: Path
    command: str


def bench(plan: BenchPlan, tell: Callable[[str], None]) -> BenchResult:
    """Start the stack, measure, stop it. Raises LabError when a contender answers anything unexpected."""
    request = Request(
        home=plan.home,
        mode="multi",
        api=len(CONTENDERS),
        websockets=0,
        levers=COMMON,
        own_levers={f"backend-{n}": one.settings for n, one in enumerate(CONTENDERS, 1)},
    )
    with running(request, tell) as description:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_Rounds(plan, description, tell).run())


class _Rounds:
    def __init__(self, plan: BenchPlan, description: StackDescription, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._description = description
        self._tell = tell
        self._processes = {one.name: f"backend-{n}" for n, one in enumerate(CONTENDERS, 1)}
        self._pids: dict[str, int] = {}
        self._urls = {one.name: description.api[n] for n, one in enumerate(CONTENDERS)}
        self._postgres = next(p.name for p in description.processes if p.kind == "postgres")
        self._acknowledged = 0

    async def run(self) -> BenchResult:
        plan = self._plan
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        database = await asyncpg.connect(self._description.postgres.dsn)
        people = await population.make(database, self._description.secret, plan.seed)
        before = await database.fetchval(STORED)
        order = random.Random(plan.seed)
        cells: list[Cell] = []
        machinery: list[tuple[float | None, float]] = []
        for number in range(plan.rounds):
            self._tell(f"round {number + 1} of {plan.rounds}")
            await self._renew(people)
            pressed, own = moment(), self._own_cpu()
            for cell in DOINGS:
                names = [one.name for one in CONTENDERS]
                order.shuffle(names)
                cells += [await self._measure(name, cell, number, people) for name in names]
            pressure = between(pressed, moment())
            machinery.append((pressure.waited, pressure.cores_of_others(self._own_cpu() - own)))
        ledger = {
            "acknowledged": self._acknowledged,
            "stored": await database.fetchval(STORED) - before,
            "gaps": await database.fetchval(GAPS),
        }
        await database.close()
        return BenchResult(
            command=scheduled(plan.command),
            machine=msgspec.to_builtins(machine(self._description.home)),
            started_at=started_at,
            rounds=plan.rounds,
            seconds=plan.seconds,
            cells=cells,
            ledger=ledger,
            waited=statistics.fmean(known) if (known := [w for w, _ in machinery if w is not None]) else None,
            cores_of_others=statistics.fmean(others for _, others in machinery),
            effective={name: _effective(url) for name, url in self._urls.items()},
        )

    async def _renew(self, people: Population) -> None:
        """New processes for all: the same code differs from one to the next, by tens of per cent."""
        restarts = (asyncio.to_thread(restart, self._description, name) for name in self._processes.values())
        await asyncio.gather(*restarts)
        pids = self._description.live_pids()
        self._pids = {name: pids[process] for name, process in self._processes.items()}
        for name in self._processes:
            for doing, connections in DOINGS.values():
                await self._drive(name, people, doing, connections, min(WARM_UP_SECONDS, self._plan.seconds))

    async def _measure(self, name: str, cell: str, number: int, people: Population) -> Cell:
        doing, connections = DOINGS[cell]
        cpu, postgres = cpu_seconds([self._pids[name]]), self._postgres_cpu()
        tally = await self._drive(name, people, doing, connections, self._plan.seconds)
        cpu, postgres = cpu_seconds([self._pids[name]]) - cpu, self._postgres_cpu() - postgres
        cuts = statistics.quantiles(tally.latencies, n=100)
        return Cell(name, cell, number, tally.answered, tally.seconds, cpu, postgres, cuts[49], cuts[98])

    async def _drive(
        self, name: str, people: Population, doing: str, connections: int, seconds: float
    ) -> Tally:
        tally = await closed_loop.run(self._urls[name], getattr(people, doing), connections, seconds)
        if set(tally.statuses) != {GOOD[doing]}:
            raise LabError(f"bench: {name} answered a {doing} with {tally.statuses}")
        if doing == "send":
            self._acknowledged += tally.answered
        return tally

    def _own_cpu(self) -> float:
        """Of this process and the whole stack."""
        return cpu_seconds([os.getpid(), *self._pids.values()]) + self._postgres_cpu()

    def _postgres_cpu(self) -> float:
        server = psutil.Process(self._description.live_pids()[self._postgres])
        return cpu_seconds([server.pid, *(child.pid for child in server.children(recursive=True))])


def scheduled(command: str) -> str:
    """The command with the real-time priority that this process has, if it has one."""
    return f"chrt -r 1 {command}" if os.sched_getscheduler(0) == os.SCHED_RR else command


def _effective(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/health", timeout=15) as answer:
        found: dict[str, Any] = json.load(answer)["effective"]
    return found
