"""What is watched while something breaks: the queries that the database is asked, and what services hold."""

import asyncio
import re
import urllib.request
from collections.abc import Sequence
from contextlib import suppress

import asyncpg

from lab.experiments.meter import pss_bytes
from lab.stack.description import StackDescription

WINDOW_SECONDS = 3
HELD = ("sessions", "users", "asyncio_tasks", "database_queries")
SCRAPE_SECONDS = 5.0
# Whatever a service asks, also inside of a transaction; not what this module asks itself. Every stack that
# `lab faults` starts has the extension; where it is missing nothing can be said.
PRELOAD = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_utility": "off"}
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"
QUERIES = """
SELECT coalesce(sum(calls), 0)
  FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND query NOT LIKE '%pg_stat_statements%'
"""
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Queries:
    """Counts the queries that the database is asked, second by second."""

    def __init__(self, stack: StackDescription) -> None:
        self._database = stack.postgres
        self._task: asyncio.Task[None] | None = None
        self._fault_at = 0
        self.counts: list[float] = []

    def start(self) -> None:
        self._task = asyncio.create_task(self._count(), name="queries")

    def mark(self) -> None:
        """The fault comes now: in the second that the last count began."""
        self._fault_at = max(0, len(self.counts) - 1)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _count(self) -> None:
        with suppress(*AWAY):
            connection = await asyncpg.connect(self._database.dsn)
            try:
                await connection.execute(EXTENSION)
                while True:
                    self.counts.append(float(await connection.fetchval(QUERIES)))
                    await asyncio.sleep(1.0)
            finally:
                connection.terminate()

    @property
    def seconds_after(self) -> int:
        """How many of them were counted after the fault."""
        return max(0, len(self.counts) - 1 - self._fault_at)

    @property
    def before_and_worst(self) -> tuple[float, float]:
        """Queries a second: before the fault, and in the worst few seconds after it."""
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
    """Process -> what each websocket service holds (sessions, users, asyncio_tasks, pss_mib), and what it
    has asked the database so far."""
    pids = await asyncio.to_thread(stack.live_pids)
    found: dict[str, dict[str, float]] = {}
    for one in stack.processes:
        if one.kind == "websocket" and one.health:
            page = await asyncio.to_thread(scrape, one.health.removesuffix("/health") + "/metrics")
            found[one.name] = {name: page[name] for name in HELD}
            found[one.name]["pss_mib"] = pss_bytes(pids[one.name]) / 2**20
    return found


async def counted(stack: StackDescription, series: str, kind: str = "websocket") -> float:
    """What a counter, `name{label="value"}`, has come to so far in all processes of a kind."""
    count = 0.0
    for one in stack.processes:
        if one.kind == kind and one.health:
            url = one.health.removesuffix("/health") + "/metrics"
            text = await asyncio.to_thread(fetch, url)
            count += sum(map(float, re.findall(rf"(?m)^{re.escape(series)} (\S+)$", text)))
    return count


def fetch(url: str) -> str:
    """A /metrics page."""
    with urllib.request.urlopen(url, timeout=SCRAPE_SECONDS) as answer:
        text: str = answer.read().decode()
        return text


def scrape(url: str) -> dict[str, float]:
    """Gauges and counters without labels of a /metrics page."""
    page = fetch(url)
    return {
        name: float(value) for name, value in re.findall(r"^([a-z_]+) ([-+0-9.eE]+)$", page, re.MULTILINE)
    }
