"""Sends that share a commit, as a process with GROUP_COMMIT=on makes them (backend/group_commit.py).

While one commit is under way, what arrives waits and goes together with the next. One connection commits.
"""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from lab.bench.citus.contenders import statements

Send = tuple[UUID, UUID, int, int, str]  # dialog, id, sender, recipient, content


class Gathering:
    """`send` returns the message's seq once it is committed. Raises what the database raises."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection
        self._waiting: list[tuple[Send, asyncio.Future[int]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def send(self, *message: Any) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        return await future

    async def _commit(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                seqs = await self._store([message for message, _ in batch])
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)
                continue
            for (_, future), seq in zip(batch, seqs, strict=True):
                future.set_result(seq)
        self._committing = None

    async def _store(self, messages: list[Send]) -> list[int]:
        """Their seqs, in their order. A lone one goes as it would without company."""
        if len(messages) == 1:
            row = await self._connection.fetchrow(statements()["send_message"], *messages[0], False)
            assert row is not None
            return [row["seq"]]
        columns = [list(column) for column in zip(*messages, strict=True)]
        rows = await self._connection.fetch(statements()["send_batch"], *columns, False)
        assert len(rows) == len(messages), "a new message of a known user was not stored"
        return [row["seq"] for row in sorted(rows, key=lambda row: row["place"])]
