"""A stream of sends over many dialogs, and what became of them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from tests.citus.conftest import Cluster

WRITERS = 4
SEND = "SELECT outcome, seq FROM send_message($1, $2, $3, $4, $5, false)"


@dataclass
class Written:
    """What writers were told: the ids that were acknowledged, and the errors."""

    acknowledged: set[uuid.UUID] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def reaches(self, count: int) -> None:
        """Wait until so many were acknowledged."""
        while len(self.acknowledged) < count:
            self.more.clear()
            await self.more.wait()


async def while_writing(cluster: Cluster, step: Callable[[], Awaitable[object]]) -> Written:
    """Run `step` in the middle of a stream of sends over many dialogs."""
    written = Written()
    stop = asyncio.Event()

    async def write(number: int) -> None:
        connection = await asyncpg.connect(
            cluster.coordinator.dsn, command_timeout=60, server_settings={"statement_timeout": "20s"}
        )
        turn = 0
        try:
            while not stop.is_set():
                turn += 1
                low, high = number + 1, 100 + turn % 50
                message = uuid.uuid4()
                try:
                    row = await connection.fetchrow(
                        SEND, uuid.UUID(int=(low << 64) | high), message, low, high, f"{number} {turn}"
                    )
                except asyncpg.PostgresError as error:
                    written.errors.append(f"{error.sqlstate} {error}")
                    continue
                if row and row["outcome"] == "stored":
                    written.acknowledged.add(message)
                    written.more.set()
        finally:
            await connection.close()

    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    try:
        await written.reaches(200)
        await step()
        await written.reaches(len(written.acknowledged) + 200)
    finally:
        stop.set()
        await asyncio.gather(*writers)
    return written


async def lost(cluster: Cluster, written: Written) -> set[uuid.UUID]:
    connection = await asyncpg.connect(cluster.coordinator.dsn)
    try:
        rows = await connection.fetch("SELECT id FROM dialogmessage")
    finally:
        await connection.close()
    return written.acknowledged - {row["id"] for row in rows}


async def gaps(cluster: Cluster) -> int:
    """Dialogs whose seq is not 1 .. last_seq without holes."""
    connection = await asyncpg.connect(cluster.coordinator.dsn)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM dialog JOIN (SELECT dialog_id, count(*) AS rows, max(seq) AS top"
                " FROM dialogmessage GROUP BY dialog_id) AS m USING (dialog_id)"
                " WHERE m.rows <> last_seq OR m.top <> last_seq"
            )
        )
    finally:
        await connection.close()
