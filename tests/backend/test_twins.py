"""How many statements the twins need: what the benchmark and the lever's page say of them."""

from typing import Any, get_args

import pytest
from sqlalchemy import event
from uuid_utils.compat import uuid7

from backend.settings import Settings
from levers.query_path import STATEMENTS
from tests.backend.running import Start


def test_every_way_has_its_number():
    assert set(STATEMENTS) == set(get_args(Settings.model_fields["query_path"].annotation))


@pytest.mark.parametrize("way", ["orm_async", "orm_sync"])
async def test_an_orm_needs_as_many_statements_as_is_said(start: Start, way: str):
    backend = await start(query_path=way)
    twin: Any = backend.app.twin
    sent: list[str] = []
    event.listen(
        getattr(twin._engine, "sync_engine", twin._engine),
        "before_cursor_execute",
        lambda *call: sent.append(call[2]),
    )
    me, other = await backend.users()
    await backend.send(me, other, id=uuid7())  # the first of a dialog needs more
    sent.clear()
    assert (await backend.send(me, other, id=uuid7())).status_code == 201
    assert len(sent) == STATEMENTS[way], sent
    sent.clear()
    await backend.page(me, other)
    assert len(sent) == 1, sent
