"""/live, /ready, /health and /metrics on the sockets' own port, for supervisors, proxies and people."""

import asyncio
import json
import os
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from websocket_service.database import Database
from websocket_service.metrics import Metrics
from wire.broker import Consumer

LAG_SECONDS = 0.1
SOCKET_PATH = "/ws"


class Health:
    """What this process knows of itself."""

    def __init__(
        self,
        service_id: str,
        metrics: Metrics,
        database: Database,
        consumer: Consumer,
        effective: Callable[[], dict[str, object]],
    ) -> None:
        self.prepared = False  # the database was heard once
        self.draining = False
        self._service_id = service_id
        self._metrics = metrics
        self._database = database
        self._consumer = consumer
        self.effective = effective  # asked at each look: no setting is taken on trust

    @property
    def not_ready(self) -> str:
        """Why no socket should come here; empty when they may. Without a broker there is the sweep."""
        if self.draining:
            return "draining"
        return "" if self.prepared else "starting"

    def page(self) -> dict[str, object]:
        """The body of /health."""
        links = {"postgres": self._database.answering, "broker": self._consumer.connected}
        return {
            "service": "websocket",
            "id": self._service_id,
            "pid": os.getpid(),
            "status": "ok" if all(links.values()) and not self.not_ready else "degraded",
            "links": {name: "ok" if up else "down" for name, up in links.items()},
            "effective": self.effective(),
        }

    async def measure_lag(self) -> None:
        """Observe how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await asyncio.sleep(LAG_SECONDS)
            self._metrics.loop_lag_seconds.observe(max(0.0, loop.time() - started - LAG_SECONDS))

    def answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """The answer to an HTTP request; None for what asks for a socket."""
        path = urlsplit(request.path).path
        if path == SOCKET_PATH:
            return None
        if path == "/live":
            return _json(HTTPStatus.OK, {"status": "ok"})
        if path == "/ready":
            reason = self.not_ready
            status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
            return _json(status, {"status": reason or "ok"})
        if path == "/health":
            return _json(HTTPStatus.OK, self.page())
        if path == "/metrics":
            return _response(HTTPStatus.OK, self._metrics.page(), "text/plain; version=0.0.4")
        return _json(HTTPStatus.NOT_FOUND, {"detail": "Not found; sockets are at /ws."})


def _json(status: HTTPStatus, body: object) -> Response:
    return _response(status, json.dumps(body).encode(), "application/json")


def _response(status: HTTPStatus, body: bytes, media_type: str) -> Response:
    headers = Headers(
        {"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"},
    )
    return Response(status.value, status.phrase, headers, body)
