"""Dialogs: send, list, my dialogs. The routes as the documentation shows them; see hot_path.py."""

from collections.abc import Mapping
from time import perf_counter, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from backend.access import Access
from backend.bodies import (
    MAX_ID,
    MAX_PAGE,
    PAGE,
    DialogOut,
    DialogPage,
    MessageIn,
    MessageOut,
    MessagePage,
)
from backend.errors import Refusal, Responses, documented
from backend.history import History
from backend.metrics import Metrics
from backend.reads import Reads
from backend.sending import Sending
from wire.message import DialogMessage, dialog_id_of
from wire.tokens import Claims

UserId = Annotated[int, Path(ge=1, le=MAX_ID, description="The other user.")]
Seq = Annotated[int | None, Query(ge=0, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
WroteAt = Annotated[
    float | None,
    Header(description="As my newest send was answered, if it was: the page has what was sent until then."),
]

START = UUID(int=0)

CREATE: Responses = {
    200: {"model": MessageOut, "description": "This id was stored before; this is what was stored."},
    **documented(400, 401, 404, 409, 413, 422, 503, _409="This id holds another message of this dialog."),
}
LIST = documented(401, 422, 503)


def message_out(message: DialogMessage) -> MessageOut:
    """The message with its long names."""
    return MessageOut(
        dialog_id=message.dialog_id,
        seq=message.seq,
        id=message.id,
        from_user_id=message.from_user_id,
        to_user_id=message.to_user_id,
        content=message.content,
        created_at=message.created_at,
    )


def dialog_of(me: int, user_id: int) -> UUID:
    """The dialog with somebody else. Raises Refusal (422)."""
    if me == user_id:
        raise Refusal(422, "user_id: expected somebody else's, not your own.")
    return dialog_id_of(me, user_id)


def check_page(before: int | None, after: int | None) -> None:
    """Raises Refusal (422)."""
    if before is not None and after is not None:
        raise Refusal(422, "before, after: expected at most one of them.")


def message_routes(
    access: Access, sending: Sending, pages: History, reads: Reads, metrics: Metrics
) -> APIRouter:
    """Send and list."""
    routes = APIRouter(tags=["dialogs"])
    me_of_token = Annotated[Claims, Depends(access.current)]

    @routes.post("/dialog/{user_id}/create/", status_code=201, responses=CREATE)
    async def create(me: me_of_token, user_id: UserId, body: MessageIn, response: Response) -> MessageOut:
        """Send a message. It is stored, durably, when this answers; sockets hear of it right after."""
        started = perf_counter()
        new, message = await sending.send(me.user_id, user_id, body.content, body.id)
        if not new:
            response.status_code = 200
        if reads.tells:
            response.headers["x-wrote-at"] = f"{time():.6f}"
        metrics.create_seconds.observe(perf_counter() - started)
        return message_out(message)

    @routes.get("/dialog/{user_id}/list/", responses=LIST)
    async def history(
        *,
        me: me_of_token,
        user_id: UserId,
        before: Seq = None,
        after: Seq = None,
        limit: Limit = PAGE,
        x_wrote_at: WroteAt = None,
    ) -> MessagePage:
        """A page of my dialog with a user: newest first, or oldest first with `after`.

        Pages are cut by seq: what is written meanwhile neither doubles nor hides a row.
        """
        started = perf_counter()
        check_page(before, after)
        dialog_id = dialog_of(me.user_id, user_id)
        if x_wrote_at is not None:
            reads.wrote(me.user_id, x_wrote_at)
        rows = await pages.page(me.user_id, dialog_id, limit + 1, before, after)
        items = [MessageOut(dialog_id=dialog_id, **dict(row)) for row in rows[:limit]]
        metrics.list_seconds.observe(perf_counter() - started)
        return MessagePage(items=items, next=items[-1].seq if len(rows) > limit else None)

    return routes


def overview_routes(access: Access, reads: Reads, queries: Mapping[str, str]) -> APIRouter:
    """My dialogs."""
    routes = APIRouter(tags=["dialogs"])
    me_of_token = Annotated[Claims, Depends(access.current)]

    @routes.get("/dialogs/", responses=documented(401, 422, 503))
    async def my_dialogs(me: me_of_token, after: UUID = START, limit: Limit = PAGE) -> DialogPage:
        """My dialogs and who the other one is, by dialog_id."""
        rows = await reads.fetch(me.user_id, queries["dialogs_of_user"], me.user_id, limit + 1, after)
        items = [DialogOut(**dict(row)) for row in rows[:limit]]
        return DialogPage(items=items, next=items[-1].dialog_id if len(rows) > limit else None)

    return routes
