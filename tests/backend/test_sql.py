"""The statements: each fits the real schema, each is used, the hot ones go by index."""

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend import queries
from backend.connections import BATCH_SESSION

BACKEND = Path(queries.__file__).parent
BLOCKS = queries.load()


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connected = await asyncpg.connect(database)
    yield connected
    await connected.close()


async def test_every_block_fits_the_schema(connection: "asyncpg.Connection[asyncpg.Record]"):
    for name, statement in BLOCKS.items():
        try:
            await connection.prepare(statement)
        except asyncpg.PostgresError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_every_block_is_used_and_every_used_block_exists():
    words = {
        node.value
        for file in BACKEND.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(BLOCKS) <= words


def test_every_block_says_what_it_is_for_and_names_its_parameters():
    text = queries.FILE.read_text()
    for part in re.split(r"^-- name: ", text, flags=re.MULTILINE)[1:]:
        comment = "\n".join(line for line in part.splitlines()[1:] if line.startswith("--"))
        assert comment.startswith("-- "), part
        for parameter in set(re.findall(r"\$\d", BLOCKS[part.split("\n", 1)[0]])):
            assert parameter in comment, (parameter, part)


@pytest.fixture
async def filled(connection: "asyncpg.Connection[asyncpg.Record]") -> "asyncpg.Connection[asyncpg.Record]":
    """2,000 users, 2,000 dialogs, 40,000 messages."""
    await connection.execute(
        """
        INSERT INTO "user" (username, first_name, last_name, password_hash)
        SELECT 'u' || n, 'First' || n, 'Last' || n, '!' FROM generate_series(1, 2000) AS n;
        INSERT INTO dialog (dialog_id, user_low, user_high, last_seq)
        SELECT lpad(to_hex(n), 16, '0')::text || lpad(to_hex(n + 1), 16, '0'), n, n + 1, 20
        FROM (SELECT n FROM generate_series(1, 1999) AS n) AS numbers (n)
        """.replace("lpad(to_hex(n + 1), 16, '0'),", "lpad(to_hex(n + 1), 16, '0'))::uuid,").replace(
            "SELECT lpad", "SELECT (lpad"
        )
    )
    await connection.execute(
        """
        INSERT INTO dialogmessage (dialog_id, seq, id, from_user_id, to_user_id, content)
        SELECT d.dialog_id, s, gen_random_uuid(), d.user_low, d.user_high, 'x'
        FROM dialog AS d, generate_series(1, 20) AS s
        """
    )
    await connection.execute("ANALYZE")
    return connection


DIALOG = UUID(int=(7 << 64) + 8)
HOT: dict[str, tuple[list[Any], str]] = {
    "history_newest": ([DIALOG, 20], "dialogmessage_pkey"),
    "history_before": ([DIALOG, 20, 9], "dialogmessage_pkey"),
    "history_after": ([DIALOG, 20, 9], "dialogmessage_pkey"),
    "dialogs_of_user": ([7, 20, UUID(int=0)], "dialog_user_low"),
    "user_by_id": ([7], "user_pkey"),
    "user_credentials": (["u7"], "user_username_key"),
    "search_by_first_name": (["first1", "", 20, "", "", 0], "user_first_name_search"),
    "search_by_last_name": (["last1", 20, "", "", 0], "user_last_name_search"),
    "disabled_users": ([], "user_disabled"),
}


async def test_hot_statements_go_by_index(filled: "asyncpg.Connection[asyncpg.Record]", database: str):
    for name, (arguments, index) in HOT.items():
        plan = await explain(filled, BLOCKS[name], arguments)
        assert index in plan, (name, plan)
        assert "Seq Scan" not in plan, (name, plan)
    # A batch has connections of its own, with settings of their own.
    connected = await asyncpg.connect(database, server_settings=BATCH_SESSION)
    plan = await explain(connected, BLOCKS["send_batch"], [[DIALOG], [uuid4()], [7], [8], ["x"], False])
    await connected.close()
    assert "Seq Scan" not in plan, plan
    for index in ("user_pkey", "dialogmessage_dialog_id_id_key"):
        assert index in plan, plan


async def explain(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str, arguments: list[Any]
) -> str:
    rows = await connection.fetch(f"EXPLAIN (COSTS OFF) {statement}", *arguments)
    return "\n".join(row[0] for row in rows)
