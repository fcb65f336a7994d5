"""Send and list without the layers: what is all right is answered here, anything else by the route.

The two routes that carry the load are answered straight from the ASGI call. A request that is not
plainly right (no token, a body that does not fit, an odd number) goes on to the route in dialogs.py,
with its body, and gets FastAPI's answer: one place holds the words, and the documentation.
"""

from collections.abc import Sequence
from time import perf_counter, time
from types import MappingProxyType
from typing import Annotated
from uuid import UUID

import msgspec

from backend.access import Access
from backend.asgi import Event, Receive, Route, Send
from backend.bodies import MAX_BODY_BYTES, MAX_ID, MAX_PAGE, PAGE
from backend.errors import Refusal
from backend.failing import refusal_of
from backend.history import History
from backend.metrics import Metrics
from backend.reads import Reads
from backend.sending import Sending
from wire.message import CONTENT_MAX_CHARACTERS, dialog_id_of

PREFIX = ["", "api", "v1", "dialog"]
MAX_DIGITS = len(str(MAX_ID))
JSON = b"application/json"  # in other words, or with parameters: what that is, the route knows


class Incoming(msgspec.Struct):
    """bodies.MessageIn."""

    content: Annotated[str, msgspec.Meta(min_length=1, max_length=CONTENT_MAX_CHARACTERS)]
    id: UUID | None = None


class Outgoing(msgspec.Struct):
    """bodies.MessageOut."""

    dialog_id: UUID
    seq: int
    id: UUID
    from_user_id: int
    to_user_id: int
    content: str
    created_at: float


class Page(msgspec.Struct):
    """bodies.MessagePage."""

    items: list[Outgoing]
    next: int | None


decode = msgspec.json.Decoder(Incoming).decode
encode = msgspec.json.Encoder().encode


class HotPath:
    """An ASGI application in front of another, `route`."""

    in_effect = MappingProxyType({"query_path": "raw"})

    def __init__(
        self,
        route: Route,
        access: Access,
        sending: Sending,
        *,
        history: History,
        reads: Reads,
        metrics: Metrics,
    ) -> None:
        self._route = route
        self._access = access
        self._sending = sending
        self._history = history
        self._metrics = metrics
        self._reads = reads

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/")
        if len(parts) == 7 and parts[:4] == PREFIX and not parts[6]:
            digits = parts[4]
            if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS:
                if parts[5] == "create" and scope["method"] == "POST":
                    return await self._create(int(digits), scope, receive, send)
                if parts[5] == "list" and scope["method"] == "GET":
                    return await self._list(int(digits), scope, receive, send)
        await self._route(scope, receive, send)

    async def _create(self, user_id: int, scope: Event, receive: Receive, send: Send) -> None:
        started = perf_counter()
        token, kind, length, _ = _read_headers(scope)
        if length > MAX_BODY_BYTES or kind != JSON:
            return await self._route(scope, receive, send)
        event = await receive()
        if event.get("more_body"):
            event, receive = await _whole(event, receive)
        try:
            me = self._access.claims(token).user_id
            body = decode(event["body"])
            if "\0" in body.content or user_id > MAX_ID or user_id < 1 or me == user_id:
                raise ValueError
        except (Refusal, ValueError, KeyError):  # msgspec's errors are ValueErrors; KeyError: disconnected
            return await self._route(scope, _again(event, receive), send)
        try:
            new, message = await self._sending.send(me, user_id, body.content, body.id)
        except Exception as error:
            return await self._fail(error, send)
        await _answer(
            send,
            201 if new else 200,
            encode(
                Outgoing(
                    message.dialog_id,
                    message.seq,
                    message.id,
                    me,
                    user_id,
                    message.content,
                    message.created_at,
                )
            ),
            [(b"x-wrote-at", b"%.6f" % time())] if self._reads.tells else (),
        )
        self._metrics.create_seconds.observe(perf_counter() - started)

    async def _list(self, user_id: int, scope: Event, receive: Receive, send: Send) -> None:
        started = perf_counter()
        token, _, _, wrote_at = _read_headers(scope)
        try:
            me = self._access.claims(token).user_id
            limit, before, after = _page_of(scope["query_string"])
            dialog_id = dialog_id_of(me, user_id)
            if wrote_at is not None:
                self._reads.wrote(me, float(wrote_at))
        except (Refusal, ValueError):
            return await self._route(scope, receive, send)
        try:
            rows = await self._history.page(me, dialog_id, limit + 1, before, after)
        except Exception as error:
            return await self._fail(error, send)
        items = [Outgoing(dialog_id, *row) for row in rows[:limit]]
        page = Page(items, items[-1].seq if len(rows) > limit else None)
        await _answer(send, 200, encode(page))
        self._metrics.list_seconds.observe(perf_counter() - started)

    async def _fail(self, error: Exception, send: Send) -> None:
        refusal = refusal_of(error, self._metrics)
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        await _answer(send, refusal.status, encode({"detail": refusal.detail}), headers)


def _read_headers(scope: Event) -> tuple[str, bytes, int, bytes | None]:
    """(bearer token, content-type, content-length, x-wrote-at); what is not there is empty, 0, None."""
    token, kind, length, wrote_at = "", b"", 0, None
    for name, value in reversed(scope["headers"]):  # of a header that comes twice the first counts
        if name == b"authorization":
            token = value[7:].decode("latin-1") if value[:7].lower() == b"bearer " else ""
        elif name == b"content-type":
            kind = value
        elif name == b"content-length":
            length = int(value)
        elif name == b"x-wrote-at":
            wrote_at = value
    return token, kind, length, wrote_at


def _page_of(query: bytes) -> tuple[int, int | None, int | None]:
    """(limit, before, after). Raises ValueError on anything but plain numbers in their range."""
    limit, before, after = PAGE, None, None
    if query:
        for part in query.split(b"&"):
            name, _, text = part.partition(b"=")
            if not text.isdigit():
                raise ValueError
            value = int(text)
            if name == b"limit" and 1 <= value <= MAX_PAGE:
                limit = value
            elif name == b"before" and value <= MAX_ID and after is None:
                before = value
            elif name == b"after" and value <= MAX_ID and before is None:
                after = value
            else:
                raise ValueError
    return limit, before, after


async def _whole(event: Event, receive: Receive) -> tuple[Event, Receive]:
    """The body in one event, and how to go on; or, when it grows too large, what there is so far."""
    parts = [event["body"]]
    size = len(parts[0])
    while event.get("more_body") and size <= MAX_BODY_BYTES:
        event = await receive()
        if event["type"] == "http.disconnect":
            return event, receive
        parts.append(event.get("body", b""))
        size += len(parts[-1])
    return {
        "type": "http.request",
        "body": b"".join(parts),
        "more_body": event.get("more_body", False),
    }, receive


def _again(event: Event, receive: Receive) -> Receive:
    """A receive that gives this event first."""
    waiting = [event]

    async def receive_again() -> Event:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
