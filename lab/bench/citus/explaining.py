"""How many shards each statement of the services asks, as EXPLAIN says of the statement itself."""

import re
from collections.abc import Sequence

import asyncpg

from lab.bench.citus.contenders import statements
from lab.bench.citus.making import pair
from lab.stack.description import Database
from wire.message import dialog_id_of

DIALOG, OTHER = (str(dialog_id_of(*pair(number))) for number in (0, 1))
LOW, HIGH = map(str, pair(0))
ZERO = "00000000-0000-0000-0000-000000000000"
# Block of a queries.sql: its words on the page, and values for its parameters.
EXPLAINED: dict[str, tuple[str, Sequence[str]]] = {
    "send_message": ("a send", (DIALOG, ZERO, LOW, HIGH, "x", "false")),
    "history_newest": ("a page of a dialog", (DIALOG, "20")),
    "dialogs_of_user": ("the dialogs of a user", (LOW, "20", ZERO)),
    "missed_by_users": ("a resume of two users", (f"{{{LOW},{HIGH}}}", "{0,0}", "100")),
    "recent_dialogs": ("a sweep", (f"{{{LOW},{HIGH}}}", "0", "60")),
    "messages_in_ranges": ("what a sweep fetches", (f"{{{DIALOG},{OTHER}}}", "{1,1}", "{20,20}")),
    "outbox_waiting": ("the outbox read", ("100",)),
    "outbox_done": ("the outbox cleared", (f"{{{DIALOG}}}", "{1}")),
}


def filled(statement: str, values: Sequence[str]) -> str:
    """A statement with its parameters written out, each as a literal of no type yet."""
    quoted = ["'" + value.replace("'", "''") + "'" for value in values]
    return re.sub(r"\$(\d+)", lambda found: quoted[int(found[1]) - 1], statement)


def tasks_of(plan: Sequence[str]) -> int:
    """Tasks in the lines of a plan, those of its subplans too; 0 where no node but the asked one works."""
    return sum(int(found[1]) for line in plan if (found := re.search(r"Task Count: (\d+)", line)))


async def task_counts(database: Database) -> dict[str, int | None]:
    """Block -> its tasks: 0 on plain PostgreSQL, None where the server refuses it."""
    connection = await asyncpg.connect(database.dsn, statement_cache_size=0)
    counts: dict[str, int | None] = {}
    try:
        for name, (_, values) in EXPLAINED.items():
            try:
                plan = await connection.fetch("EXPLAIN " + filled(statements()[name], values))
            except asyncpg.PostgresError:
                counts[name] = None
            else:
                counts[name] = tasks_of([row[0] for row in plan])
    finally:
        await connection.close()
    return counts
