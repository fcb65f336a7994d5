"""One turn: a contender is asked one thing over many connections for some seconds."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from lab.bench.citus.contenders import FROM_INBOX, NOTE, Contender, statements
from lab.bench.citus.gathering import Gathering
from lab.bench.citus.making import CONTENT, DIALOGS, USERS, pair
from lab.pressure import cpu_seconds
from lab.stack.supervision import Supervision
from wire.message import dialog_id_of


@dataclass(frozen=True)
class Cell:
    """One contender, one thing to do, one round. CPU is of all the servers together.

    `first_error`: what the database said, the first time; empty without errors.
    """

    contender: str
    cell: str
    round: int
    answered: int
    seconds: float
    cpu_seconds: float
    p50_seconds: float
    p99_seconds: float
    errors: int
    first_error: str = ""


async def turn(
    connections: Sequence["asyncpg.Connection[Any]"],
    contender: Contender,
    cell: str,
    *,
    number: int,
    seconds: float,
    home: Path,
) -> Cell:
    """Ask and count. CPU is of all PostgreSQL processes of the run folder `home`."""
    texts = statements()
    choice = random.Random(f"{cell} {number}")
    latencies: list[float] = []
    refused: list[str] = []
    until = 0.0  # set when the turn begins

    gathering = Gathering(connections[0])

    async def send(connection: "asyncpg.Connection[Any]") -> tuple[UUID, int, int, int]:
        low, high = pair(choice.randrange(DIALOGS))
        dialog = dialog_id_of(low, high)
        message = (dialog, uuid7(), low, high, CONTENT)
        if contender.gathered:
            return dialog, low, high, await gathering.send(*message)
        row = await connection.fetchrow(texts["send_message"], *message, False)
        assert row is not None
        return dialog, low, high, row["seq"]

    async def send_inbox(connection: "asyncpg.Connection[Any]") -> None:
        # After the send, not with it: in one transaction the send is no longer one task on one node.
        dialog, low, high, seq = await send(connection)
        await connection.execute(NOTE, low, high, dialog, seq)

    async def page(connection: "asyncpg.Connection[Any]") -> None:
        dialog = dialog_id_of(*pair(choice.randrange(DIALOGS)))
        assert len(await connection.fetch(texts["history_newest"], dialog, 20)) == 20

    async def dialogs(connection: "asyncpg.Connection[Any]") -> None:
        user = choice.randrange(USERS // 2) + 1
        assert await connection.fetch(texts["dialogs_of_user"], user, 20, UUID(int=0))

    async def resume(connection: "asyncpg.Connection[Any]") -> None:
        user = choice.randrange(USERS) + 1
        await connection.fetch(texts["missed_by_users"], [user], [time.time() - 60], 100)

    async def dialogs_inbox(connection: "asyncpg.Connection[Any]") -> None:
        assert await connection.fetch(FROM_INBOX, choice.randrange(USERS // 2) + 1)

    doing: dict[str, Callable[[Any], Awaitable[object]]] = {
        "send": send,
        "page": page,
        "dialogs": dialogs,
        "resume": resume,
        "send_inbox": send_inbox,
        "dialogs_inbox": dialogs_inbox,
    }

    async def ask(connection: "asyncpg.Connection[Any]") -> None:
        while (begin := time.perf_counter()) < until:
            try:
                await doing[cell](connection)
            except asyncpg.PostgresError as error:
                refused.append(f"{type(error).__name__}: {error}")
                continue
            latencies.append(time.perf_counter() - begin)

    servers = [
        process.pid
        for postmaster in Supervision(home).strays()
        if postmaster.name() == "postgres"
        for process in (postmaster, *postmaster.children(recursive=True))
    ]
    before = cpu_seconds(servers)
    begin = time.perf_counter()
    until = begin + seconds
    await asyncio.gather(*(ask(connection) for connection in connections))
    took, used = time.perf_counter() - begin, cpu_seconds(servers) - before
    ordered = sorted(latencies) or [float("nan")]
    return Cell(
        contender.name,
        cell,
        number,
        len(latencies),
        took,
        used,
        ordered[len(ordered) // 2],
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        len(refused),
        next(iter(refused), ""),
    )
