"""The HTTP server around the application: one process by default, uvicorn workers when asked."""

import asyncio
import ctypes
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from backend.app import Backend, build
from backend.bounded_head import BoundedHead
from backend.settings import Settings

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than a proxy's, so that the proxy closes first
GRACE_SECONDS = 10  # for requests under way, after the drain
PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """The process cannot listen where it should; str(error) is one line."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: a drain must come before the server hears of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Backend | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        loop="uvloop" if settings.event_loop == "uvloop" else "asyncio",
        http=BoundedHead if settings.http_parser == "httptools" else settings.http_parser,
        ws="none",
        lifespan="on",
        workers=settings.uvicorn_workers,
        log_config=None,
        log_level=settings.log_level,
        access_log=settings.logs_requests,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def listening(settings: Settings) -> list[socket.socket]:
    """The sockets to listen on: host and port, and BACKEND_SOCKET besides where it is set.

    Raises ServerError. A socket file that a killed process left is replaced.
    """
    sockets = []
    try:
        address = (settings.backend_host, settings.backend_port)
        family = socket.AF_INET6 if ":" in settings.backend_host else socket.AF_INET
        sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
        # uvloop does so for each connection, asyncio only where the listener names its protocol: else an
        # answer in two writes waits 40 ms for the client's delayed acknowledgement.
        sockets[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if settings.backend_socket:
            path = Path(settings.backend_socket)
            path.unlink(missing_ok=True)
            unix = socket.socket(socket.AF_UNIX)
            sockets.append(unix)
            unix.bind(str(path))
            path.chmod(0o666)  # a proxy is another user; the folder decides who gets here
            unix.listen(BACKLOG)
    except OSError as error:
        for one in sockets:
            one.close()
        place = settings.backend_socket if sockets else f"{settings.backend_host}:{settings.backend_port}"
        raise ServerError(f"cannot listen on {place}: {os.strerror(error.errno or 0)}") from None
    return sockets


def _remove_socket(settings: Settings) -> None:
    if settings.backend_socket:
        Path(settings.backend_socket).unlink(missing_ok=True)


async def until_signal(app: Backend, settings: Settings, serving: "asyncio.Task[None]") -> bool:
    """Wait for SIGTERM or SIGINT, say so at /ready for DRAIN_SECONDS; False when the server ended itself."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if serving.done():
        return False
    app.health.draining = True
    await asyncio.sleep(settings.drain_seconds)  # a proxy looks at /ready meanwhile
    return True


async def serve(app: Backend, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then say so at /ready, finish what is under way, and return.

    Raises ServerError when the address cannot be had.
    """
    if settings.http_server == "granian":
        from backend.granian_server import serve_granian

        await serve_granian(app, settings, until_signal)
        return
    server = Server(_config(app, settings))
    sockets = listening(settings)
    serving = asyncio.create_task(server.serve(sockets), name="http server")
    if await until_signal(app, settings, serving):
        server.should_exit = True
    await serving
    _remove_socket(settings)


def run_workers(settings: Settings) -> None:
    """Several processes on one socket, watched by uvicorn."""
    from uvicorn.supervisors import Multiprocess

    config = _config("backend.server:worker", settings)
    Multiprocess(config, sockets=listening(settings)).run()


def worker() -> Backend:
    """The application in a uvicorn worker, which must not outlive its supervisor."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = Settings.read()
    logging.basicConfig(level=settings.log_level.upper())
    app = build(settings)
    app.health.shares_port = True
    return app
