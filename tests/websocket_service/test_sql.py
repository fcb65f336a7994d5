"""Every statement is understood by the real schema, is used, and goes by an index."""

import re
from pathlib import Path

import asyncpg
import pytest

from websocket_service.database import load_queries
from wire.message import dialog_id_of

QUERIES = load_queries()
SOURCES = Path(__file__).parents[2] / "websocket_service"
# Statement -> an index that its plan must name.
INDEXED = {
    "missed_by_users": (([1, 2], [0.0, 0.0], 10), ("dialogmessage_to", "dialogmessage_from")),
    "recent_dialogs": (([1, 2], 0.0, 1.0), ("dialogmessage_to", "dialogmessage_from")),
    "messages_in_ranges": (([dialog_id_of(1, 2)], [1], [9]), ("dialogmessage_pkey",)),
    "dialog_after": ((dialog_id_of(1, 2), 0, 10), ("dialogmessage_pkey",)),
    "disabled_users": ((), ("user_disabled",)),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_it_prepares(database: str, name: str):
    connection = await asyncpg.connect(database)
    await connection.prepare(QUERIES[name])
    await connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_used(name: str):
    assert any(re.search(rf'"{name}"', path.read_text()) for path in SOURCES.glob("*.py"))


@pytest.mark.parametrize("name", INDEXED)
async def test_it_goes_by_its_index(database: str, name: str):
    values, indexes = INDEXED[name]
    connection = await asyncpg.connect(database, server_settings={"enable_seqscan": "off"})
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {QUERIES[name]}", *values))
    await connection.close()
    assert [index for index in indexes if index not in plan] == []
    assert "Seq Scan" not in plan
