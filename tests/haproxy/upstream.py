"""A service that tells who it is and what it was asked, over HTTP and websocket: uvicorn in this loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn


class Upstream(uvicorn.Server):
    """One instance. `ready` is what /ready says; `delay` holds back every answer but that one.

    `seen` are the requests but for /ready, as ("GET /path", what X-Forwarded-For said).
    """

    def __init__(self, name: str, port: int = 0, socket: str | None = None, http: Any = "auto") -> None:
        self.name, self.port, self.ready, self.delay = name, port, True, 0.0
        self.requests = self.sockets = 0
        self.seen: list[tuple[str, str]] = []
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",
                host="127.0.0.1",
                port=port,
                uds=socket,
                http=http,
                lifespan="off",
                log_level="critical",
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
            return
        status = 200 if self.ready else 503
        heads = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        if scope["path"] != "/ready":
            self.requests += 1
            sources = ", ".join(value for name, value in heads if name == "x-forwarded-for")
            self.seen.append((f"{scope['method']} {scope['path']}", sources))
            status = 200
            await asyncio.sleep(self.delay)
        size, more = 0, True
        while more:
            event = await receive()
            size, more = size + len(event.get("body", b"")), event.get("more_body", False)
        body = json.dumps(
            {"name": self.name, "path": scope["path"], "bytes": size, "headers": heads}
        ).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _socket(self, receive: Any, send: Any) -> None:
        self.sockets += 1
        await send({"type": "websocket.accept"})
        await receive()
        while (event := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": f"{self.name} {event.get('text')}"})


@asynccontextmanager
async def serving(*upstreams: Upstream) -> AsyncIterator[None]:
    """These listen within the block."""
    tasks = [asyncio.create_task(each.serve()) for each in upstreams]
    async with asyncio.timeout(60):
        while not all(each.started for each in upstreams):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        for each in upstreams:
            each.force_exit = each.should_exit = True
        await asyncio.gather(*tasks)
