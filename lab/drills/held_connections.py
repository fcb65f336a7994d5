"""A database session for each open socket, from a pool of fifteen.

The mistake: the session is opened when the socket is, because the handler needs it "now and then", and
given back when the socket closes. Five connections and ten of overflow are the default of the most used
pool.

The harm: fifteen people are online and all is well. The sixteenth waits for a connection that comes free
when somebody leaves. In the ancestor that wait also blocked the event loop, so that all sixteen froze for
thirty seconds, again and again.

The cure: borrow a connection for the query and give it back. Sockets are then bounded by memory, and one
pool of ten serves thousands.
"""

import asyncio
from pathlib import Path
from time import monotonic

import asyncpg

from lab.drills.drill import Shown, Tell
from lab.stack.host import running
from lab.stack.modes import Request

POOL, SOCKETS, PATIENCE_SECONDS = 15, 100, 10.0  # a full machine takes a while to open fifteen connections


def show(tell: Tell, folder: Path) -> Shown:
    """A hundred people come online, each asks one question of a real PostgreSQL."""
    tell("starting PostgreSQL ...")
    with running(Request(folder / "s", api=0, websockets=0)) as stack:
        dsn = stack.postgres.dsn
        tell(f"{SOCKETS} sockets, a pool of {POOL}, a connection held for each socket ...")
        held, held_slowest = asyncio.run(_online(dsn, hold=True))
        tell("the same pool, a connection borrowed for each query ...")
        borrowed, slowest = asyncio.run(_online(dsn, hold=False))
    return Shown(
        f"of {SOCKETS} people got an answer",
        "",
        held,
        borrowed,
        [("slowest answer", f"{held_slowest * 1000:,.0f} ms", f"{slowest * 1000:,.0f} ms")],
    )


async def _online(dsn: str, hold: bool) -> tuple[int, float]:
    """Answered within the patience, and the longest wait of those who asked (the patience if unanswered)."""
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=POOL)
    leaving, all_asked = asyncio.Event(), asyncio.Barrier(SOCKETS + 1)
    waits: list[float] = []
    answered = 0

    async def person() -> None:
        nonlocal answered
        begun = monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await pool.acquire()
                await connection.fetchval("SELECT 1")
                answered += 1
        except TimeoutError:
            waits.append(PATIENCE_SECONDS)
            await all_asked.wait()
            return
        waits.append(monotonic() - begun)
        if not hold:
            await pool.release(connection)
        await all_asked.wait()
        await leaving.wait()
        if hold:
            await pool.release(connection)

    async with asyncio.TaskGroup() as people:
        for _ in range(SOCKETS):
            people.create_task(person())
        await all_asked.wait()
        leaving.set()
    await pool.close()
    return answered, max(waits)
