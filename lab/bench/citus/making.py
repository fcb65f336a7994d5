"""The contenders' databases: made, distributed, filled."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7

from lab.bench.citus.contenders import ROOT, Contender, at
from lab.stack import citus
from lab.stack.description import Database
from wire.message import dialog_id_of

USERS, DIALOGS, MESSAGES = 1_000, 1_000, 50  # messages of each dialog
CONTENT = "x" * 80
DISTRIBUTE_INBOX = (
    "SELECT create_distributed_table('inbox', 'user_id', colocate_with := 'none', shard_count := {shards})"
)
INBOX = """
CREATE TABLE inbox (
    user_id bigint NOT NULL, other_id bigint NOT NULL, dialog_id uuid NOT NULL, last_seq bigint NOT NULL,
    PRIMARY KEY (user_id, other_id))
"""


async def make(contender: Contender, coordinator: Database, workers: Sequence[Database]) -> None:
    """The contender's database, on as many workers as it has, with rows in it."""
    nodes = [coordinator, *workers[: contender.workers]]
    for node in nodes:
        connection = await asyncpg.connect(replace(node, database="postgres").dsn)
        await connection.execute(f"CREATE DATABASE {contender.database}")
        await connection.close()
    if contender.workers:
        reason = await asyncio.to_thread(
            citus.join, at(coordinator, contender), [at(worker, contender) for worker in nodes[1:]]
        )
        assert reason is None, reason
    connection = await asyncpg.connect(at(coordinator, contender).dsn, statement_cache_size=0)
    try:
        await connection.execute(f"SET lab.shard_key = '{contender.key}'")
        await connection.execute(f"SET lab.shard_count = '{contender.shards or 32}'")
        for name in ("noop.sql", "schema.sql", "distribute.sql"):
            await connection.execute((ROOT / "citus" / name).read_text())
        if contender.inbox:
            await connection.execute(INBOX)
            if contender.workers:
                await connection.execute(DISTRIBUTE_INBOX.format(shards=contender.shards))
        await _fill(connection, contender)
    finally:
        await connection.close()


async def _fill(connection: "asyncpg.Connection[Any]", contender: Contender) -> None:
    await connection.execute(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        f" SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, {USERS}) AS n"
    )
    pairs = [pair(number) for number in range(DIALOGS)]
    dialogs = [(dialog_id_of(low, high), low, high, MESSAGES) for low, high in pairs]
    await connection.copy_records_to_table("dialog", records=dialogs)
    rows = [
        (dialog, seq, uuid7(), low, high, CONTENT)
        for dialog, low, high, _ in dialogs
        for seq in range(1, MESSAGES + 1)
    ]
    columns = ("dialog_id", "seq", "id", "from_user_id", "to_user_id", "content")
    await connection.copy_records_to_table("dialogmessage", records=rows, columns=columns)
    if contender.inbox:
        notes = [(low, high, dialog, MESSAGES) for dialog, low, high, _ in dialogs]
        await connection.copy_records_to_table(
            "inbox", records=[*notes, *((high, low, dialog, seq) for low, high, dialog, seq in notes)]
        )
    await connection.execute("ANALYZE")


def pair(number: int) -> tuple[int, int]:
    """The users of dialog `number`: each user has a few."""
    low = number % (USERS // 2) + 1
    return low, USERS // 2 + (number * 7 + number // (USERS // 2)) % (USERS // 2) + 1
