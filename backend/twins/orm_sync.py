"""The ancestor's way: SQLAlchemy's synchronous ORM inside `async def`, where it stops the whole loop."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from backend.access import Access
from backend.bodies import PAGE, MessageIn, MessageOut, MessagePage
from backend.connections import session_settings
from backend.dialogs import CREATE, LIST, Limit, Seq, UserId, check_page, dialog_of
from backend.errors import Refusal
from backend.publishing import PublishQueue
from backend.settings import Settings
from backend.twins import signing_in
from backend.twins.models import Dialog, Message, User
from backend.twins.orm import answer, check_same, hint, message_with_id, new_dialog, page, page_of, size_of
from wire.effective import on_or_off


class Twin:
    def __init__(self, settings: Settings, access: Access, publish: PublishQueue) -> None:
        given = " ".join(f"-c {name}={value}" for name, value in session_settings(settings).items())
        self._engine = create_engine(
            settings.postgres_dsn("postgresql+psycopg"),
            pool_size=settings.pool_size,
            max_overflow=0,
            connect_args={"options": given},
        )
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._publish = publish
        self._hop_times = settings.hop_times == "on"
        self.routes = self._routes(settings, access)

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {
            **signing_in.IN_EFFECT,
            "query_path": "orm_sync",
            "driver": self._engine.dialect.driver,
            "pool_size": size_of(self._engine.pool),
            "hop_times": on_or_off(self._hop_times),
        }

    async def start(self) -> None:
        """Connections open when they are first wanted."""

    async def close(self) -> None:
        self._engine.dispose()

    def _routes(self, settings: Settings, access: Access) -> APIRouter:
        routes = APIRouter(tags=["dialogs"])
        me_of_token = Annotated[int, Depends(signing_in.current_user(settings.secret, access))]

        @routes.post("/dialog/{user_id}/create/", status_code=201, responses=CREATE)
        async def create(me: me_of_token, user_id: UserId, body: MessageIn, response: Response) -> MessageOut:
            """Send a message."""
            way = [time.time()] if self._hop_times else None
            # A session that outlived the handler (yielded by a dependency) would lock up: with all of the
            # pool's connections lent, the next handler waits for one on the loop that would give it back.
            with self._sessions() as database:
                row, new = self._send(database, me, user_id, body)
            message = hint(row, way)
            message.mark()
            self._publish.put(message)
            if not new:
                response.status_code = 200
            return answer(row)

        @routes.get("/dialog/{user_id}/list/", responses=LIST)
        async def history(
            me: me_of_token, user_id: UserId, before: Seq = None, after: Seq = None, limit: Limit = PAGE
        ) -> MessagePage:
            """A page of my dialog with a user."""
            check_page(before, after)
            with self._sessions() as database:
                rows = database.scalars(page_of(dialog_of(me, user_id), limit, before, after))
                return page(list(rows), limit)

        return routes

    def _send(self, database: Session, me: int, user_id: int, body: MessageIn) -> tuple[Message, bool]:
        dialog_id = dialog_of(me, user_id)
        identifier = body.id or uuid7()
        with database.begin():
            dialog = database.get(Dialog, dialog_id, with_for_update=True)
            if dialog is None:
                if database.get(User, user_id) is None:
                    raise Refusal(404, "There is no such user.")
                database.execute(new_dialog(dialog_id, me, user_id))
                dialog = database.get_one(Dialog, dialog_id, with_for_update=True)
            if body.id is not None:
                first = database.scalar(message_with_id(dialog_id, identifier))
                if first is not None:
                    check_same(first, me, body.content)
                    return first, False
            dialog.last_seq += 1
            row = Message(
                dialog_id=dialog_id,
                seq=dialog.last_seq,
                id=identifier,
                from_user_id=me,
                to_user_id=user_id,
                content=body.content,
            )
            database.add(row)
        return row, True
