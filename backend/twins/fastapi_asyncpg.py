"""Plain FastAPI with asyncpg: raw SQL through asyncpg's own pool, dependencies, response models."""

import time
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Response
from uuid_utils.compat import uuid7

from backend import queries
from backend.access import Access
from backend.bodies import PAGE, MessageIn, MessageOut, MessagePage
from backend.connections import session_settings
from backend.dialogs import CREATE, LIST, Limit, Seq, UserId, check_page, dialog_of, message_out
from backend.errors import Refusal
from backend.publishing import PublishQueue
from backend.settings import Settings
from backend.twins import signing_in
from wire.effective import on_or_off
from wire.message import DialogMessage


class Twin:
    def __init__(self, settings: Settings, access: Access, publish: PublishQueue) -> None:
        self._settings = settings
        self._queries = queries.load()
        self._publish = publish
        self._hop_times = settings.hop_times == "on"
        self._pool: Any = None
        self.routes = self._routes(settings, access)

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {
            **signing_in.IN_EFFECT,
            "query_path": "fastapi_asyncpg",
            "driver": type(self._pool).__module__.split(".")[0],
            "pool_size": self._pool.get_size(),
            "hop_times": on_or_off(self._hop_times),
        }

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._settings.postgres_dsn(),
            min_size=self._settings.pool_size,
            max_size=self._settings.pool_size,
            statement_cache_size=100 if self._settings.prepared_statements == "on" else 0,
            server_settings=session_settings(self._settings),
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    def _routes(self, settings: Settings, access: Access) -> APIRouter:
        routes = APIRouter(tags=["dialogs"])
        me_of_token = Annotated[int, Depends(signing_in.current_user(settings.secret, access))]

        @routes.post("/dialog/{user_id}/create/", status_code=201, responses=CREATE)
        async def create(me: me_of_token, user_id: UserId, body: MessageIn, response: Response) -> MessageOut:
            """Send a message."""
            way = [time.time()] if self._hop_times else None
            message = DialogMessage(
                dialog_of(me, user_id), 0, body.id or uuid7(), me, user_id, body.content, 0.0, way
            )
            outcome = await self._send(message)
            if outcome == "no_recipient":
                raise Refusal(404, "There is no such user.")
            if outcome == "other_content":
                raise Refusal(409, "id: holds another message of this dialog already.")
            if outcome == "again":
                response.status_code = 200
            message.mark()
            self._publish.put(message)
            return message_out(message)

        @routes.get("/dialog/{user_id}/list/", responses=LIST)
        async def history(
            me: me_of_token, user_id: UserId, before: Seq = None, after: Seq = None, limit: Limit = PAGE
        ) -> MessagePage:
            """A page of my dialog with a user."""
            check_page(before, after)
            dialog_id = dialog_of(me, user_id)
            async with self._pool.acquire() as connection:
                if before is not None:
                    rows = await connection.fetch(
                        self._queries["history_before"], dialog_id, limit + 1, before
                    )
                elif after is not None:
                    rows = await connection.fetch(self._queries["history_after"], dialog_id, limit + 1, after)
                else:
                    rows = await connection.fetch(self._queries["history_newest"], dialog_id, limit + 1)
            items = [MessageOut(dialog_id=dialog_id, **dict(row)) for row in rows[:limit]]
            return MessagePage(items=items, next=items[-1].seq if len(rows) > limit else None)

        return routes

    async def _send(self, message: DialogMessage) -> str:
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                self._queries["send_message"],
                message.dialog_id,
                message.id,
                message.from_user_id,
                message.to_user_id,
                message.content,
                False,
            )
        outcome: str = row["outcome"]
        if row["seq"] is not None:
            message.seq, message.created_at = row["seq"], row["created_at"]
        return outcome
