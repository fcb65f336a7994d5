"""HTTP_SERVER=granian: the same application behind a server written in Rust, on the same loop."""

import asyncio
from collections.abc import Awaitable, Callable

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from backend.app import Backend
from backend.settings import Settings

UntilSignal = Callable[[Backend, Settings, "asyncio.Task[None]"], Awaitable[bool]]


BACKLOG = 2048  # connections that wait to be accepted


async def serve_granian(app: Backend, settings: Settings, until_signal: UntilSignal) -> None:
    """Serve until a signal, as server.serve does."""
    server = Server(
        app,
        address=settings.backend_host,
        port=settings.backend_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels(settings.log_level),
        log_access=settings.logs_requests,
        backlog=BACKLOG,
    )
    serving = asyncio.create_task(server.serve(), name="http server")
    if await until_signal(app, settings, serving):
        server.stop()  # type: ignore[no-untyped-call]
    await serving
