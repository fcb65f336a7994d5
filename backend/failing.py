"""What the client reads when something fails: every error is {"detail": a sentence}, and 5xx are counted."""

import logging
import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backend.asgi import Event, Receive, Route, Send
from backend.errors import WORDS, Refusal, unavailable
from backend.metrics import Metrics
from backend.pools import DatabaseUnavailable

DISCARD_BYTES = 1 << 20  # read and thrown away, so that the connection can be used again

logger = logging.getLogger(__name__)


def refusal_of(error: Exception, metrics: Metrics) -> Refusal:
    """What to answer to an error; logs those that are nobody's fault but ours."""
    if isinstance(error, Refusal):
        refusal = error
    elif isinstance(error, DatabaseUnavailable):
        logger.warning("database: %s", error)
        refusal = unavailable()
    else:
        logger.error("unexpected", exc_info=error)
        refusal = Refusal(500, "Something went wrong here.")
    if refusal.status >= 500:
        metrics.answers_5xx += 1
    return refusal


def sentence(error: RequestValidationError) -> str:
    """`content: String should have at most 4096 characters`."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"][1:]] or [str(first["loc"][0])]
    return f"{'.'.join(place)}: {first['msg']}"


def too_large(route: Route) -> Route:
    """Give FastAPI's limit of the body our words, and hang up on a sender of more than a little."""

    async def limited(scope: Event, receive: Receive, send: Send) -> None:
        refused = False

        async def send_ours(event: Event) -> None:
            nonlocal refused
            if event["type"] == "http.response.start" and event["status"] == 413:
                refused = True
                headers = {"connection": "close"} if _length(scope) > DISCARD_BYTES else None
                await JSONResponse({"detail": WORDS[413]}, 413, headers)(scope, receive, send)
            elif not refused:
                await send(event)

        await route(scope, receive, send_ours)

    return limited


def _length(scope: Event) -> float:
    """As said; a body in chunks may have no end."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            return math.inf
    return 0


def install(app: FastAPI, metrics: Metrics) -> None:
    """Register the handlers."""

    async def failed(request: Request, error: Exception) -> JSONResponse:
        refusal = refusal_of(error, metrics)
        return JSONResponse({"detail": refusal.detail}, refusal.status, refusal.headers)

    async def unfit(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"detail": sentence(error)}, 422)

    app.add_exception_handler(Refusal, failed)
    app.add_exception_handler(DatabaseUnavailable, failed)
    app.add_exception_handler(Exception, failed)
    app.add_exception_handler(RequestValidationError, unfit)
