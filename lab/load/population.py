"""Who takes part in a run: dialogs that are in the database, the users in them, and who listens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from lab.errors import LabError
from lab.stack.description import Database
from wire.message import dialog_id_of

CONNECT_SECONDS = 10.0
HISTORY = 20  # a page: dialogs with at least so many messages are taken first
# md5 draws the same dialogs for the same seed, whatever order the table is in.
DIALOGS = """
SELECT dialog_id, user_low, user_high, last_seq
  FROM dialog
 ORDER BY (last_seq >= $1) DESC, {order}
 LIMIT $2
"""
DRAWN, LONGEST = "md5(dialog_id::text || $3::text)", "last_seq DESC, md5(dialog_id::text || $3::text)"
USERS = 'SELECT id, first_name FROM "user" WHERE disabled_at IS NULL ORDER BY id LIMIT $1'
STORED = """
SELECT m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id
  FROM unnest($1::uuid[], $2::bigint[]) AS was (dialog_id, newest)
  JOIN dialogmessage AS m ON m.dialog_id = was.dialog_id AND m.seq > was.newest
"""
ENOUGH_USERS = 20_000


@dataclass(frozen=True)
class Dialog:
    """A dialog in use; `newest` is its highest seq before the run."""

    id: UUID
    low: int
    high: int
    newest: int


@dataclass(frozen=True)
class Population:
    """`listeners` are user ids, one entry a device."""

    dialogs: list[Dialog]
    listeners: list[int]
    first_names: list[str] = field(default_factory=list)

    @property
    def users(self) -> list[int]:
        """All ids, ascending."""
        return sorted({user for one in self.dialogs for user in (one.low, one.high)} | set(self.listeners))


async def connect(database: Database) -> asyncpg.Connection:
    """A connection of the lab's own. Raises LabError."""
    try:
        return await asyncpg.connect(
            database.dsn, timeout=CONNECT_SECONDS, server_settings={"application_name": "lab-load"}
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LabError(f"no database at {database.host}:{database.port}: {error}") from None


async def choose(
    connection: asyncpg.Connection, dialogs: int, listeners: int, seed: int, longest: bool = False
) -> Population:
    """Draw the dialogs of a run; make some when there are too few. Raises LabError when there is nobody."""
    rows = await connection.fetch(
        DIALOGS.format(order=LONGEST if longest else DRAWN), HISTORY, dialogs, str(seed)
    )
    users = await connection.fetch(USERS, max(ENOUGH_USERS, listeners))
    if len(users) < 2:
        raise LabError("load: there are no users; make some: lab seed")
    enabled = {row["id"] for row in users}
    found = [
        Dialog(row["dialog_id"], row["user_low"], row["user_high"], row["last_seq"])
        for row in rows
        if len(users) >= ENOUGH_USERS or {row["user_low"], row["user_high"]} <= enabled
    ]
    chance = random.Random(f"{seed} population")
    found += made_up(sorted(enabled), dialogs - len(found), {one.id for one in found}, chance)
    people = list(dict.fromkeys(user for one in found for user in (one.low, one.high)))
    chance.shuffle(people)
    people += [user for user in sorted(enabled) if user not in set(people)][: max(0, listeners - len(people))]
    devices = [people[number % len(people)] for number in range(listeners)]
    names = sorted({str(row["first_name"])[:3] for row in users if row["first_name"]})
    return Population(found, devices, names[:500] or ["An"])


def made_up(users: Sequence[int], wanted: int, taken: set[UUID], chance: random.Random) -> list[Dialog]:
    """Dialogs that do not exist yet, between users who do; fewer when there are not so many pairs."""
    made: list[Dialog] = []
    for _ in range(20 * max(0, wanted)):
        if len(made) >= wanted:
            break
        low, high = sorted(chance.sample(users, 2))
        name = dialog_id_of(low, high)
        if name not in taken:
            taken.add(name)
            made.append(Dialog(name, low, high, 0))
    return made


async def stored(
    connection: asyncpg.Connection, dialogs: Sequence[Dialog]
) -> list[tuple[UUID, int, UUID, int, int]]:
    """All messages of these dialogs that were not there before the run."""
    rows = await connection.fetch(STORED, [one.id for one in dialogs], [one.newest for one in dialogs])
    return [tuple(row) for row in rows]
