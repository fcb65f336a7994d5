"""What is watched while something breaks: the database's transactions, and what services hold."""

import asyncio
import re
import urllib.request
from collections.abc import Sequence
from contextlib import suppress

import asyncpg

from lab.experiments.meter import pss_bytes
from lab.stack.description import StackDescription

WINDOW_SECONDS = 3
SCRAPE_SECONDS = 5.0
TRANSACTIONS = "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname = $1"
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Transactions:
    """Counts the database's transactions second by second."""

    def __init__(self, stack: StackDescription) -> None:
        self._database = stack.postgres
        self._task: asyncio.Task[None] | None = None
        self._fault_at = 0
        self.counts: list[float] = []

    def start(self) -> None:
        self._task = asyncio.create_task(self._count(), name="transactions")

    def mark(self) -> None:
        """The fault comes now."""
        self._fault_at = len(self.counts)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _count(self) -> None:
        with suppress(*AWAY):
            connection = await asyncpg.connect(self._database.dsn)
            try:
                while True:
                    value = await connection.fetchval(TRANSACTIONS, self._database.database)
                    self.counts.append(float(value))
                    await asyncio.sleep(1.0)
            finally:
                connection.terminate()

    @property
    def before_and_worst(self) -> tuple[float, float]:
        """Transactions a second: before the fault, and in the worst few seconds after it."""
        steps = [later - one for one, later in zip(self.counts, self.counts[1:], strict=False)]
        return _rates(steps, self._fault_at)


def _rates(steps: Sequence[float], fault_at: int) -> tuple[float, float]:
    calm, after = steps[:fault_at], steps[fault_at:]
    windows = [
        sum(after[at : at + WINDOW_SECONDS]) / WINDOW_SECONDS
        for at in range(max(1, len(after) - WINDOW_SECONDS + 1))
    ]
    return sum(calm) / max(1, len(calm)), max(windows, default=0.0)


async def held(stack: StackDescription) -> dict[str, dict[str, float]]:
    """Process -> what each websocket service holds: sessions, users, asyncio_tasks, pss_mib."""
    pids = await asyncio.to_thread(stack.live_pids)
    found: dict[str, dict[str, float]] = {}
    for one in stack.processes:
        if one.kind == "websocket" and one.health:
            page = await asyncio.to_thread(scrape, one.health.removesuffix("/health") + "/metrics")
            found[one.name] = {name: page[name] for name in ("sessions", "users", "asyncio_tasks")}
            found[one.name]["pss_mib"] = pss_bytes(pids[one.name]) / 2**20
    return found


def scrape(url: str) -> dict[str, float]:
    """Gauges and counters without labels of a /metrics page."""
    with urllib.request.urlopen(url, timeout=SCRAPE_SECONDS) as answer:
        text = answer.read().decode()
    return {
        name: float(value) for name, value in re.findall(r"^([a-z_]+) ([-+0-9.eE]+)$", text, re.MULTILINE)
    }
