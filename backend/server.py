"""The HTTP server around the application: one process by default, uvicorn workers when asked."""

import asyncio
import ctypes
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from backend.app import Backend, build
from backend.settings import Settings, read

KEEP_ALIVE_SECONDS = 75  # longer than a proxy's, so that the proxy closes first
GRACE_SECONDS = 10  # for requests under way, after the drain
PR_SET_PDEATHSIG = 1


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: a drain must come before the server hears of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Backend | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=settings.backend_host,
        port=settings.backend_port,
        uds=settings.backend_socket or None,
        loop="uvloop" if settings.event_loop == "uvloop" else "asyncio",
        http=settings.http_parser,
        ws="none",
        lifespan="on",
        workers=settings.uvicorn_workers,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def parser_of(config: uvicorn.Config) -> str:
    """httptools or h11, from the class that will parse."""
    name = config.http_protocol_class.__name__.lower()
    return next(parser for parser in ("httptools", "h11") if parser in name)


async def serve(app: Backend, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then say so at /ready, finish what is under way, and return.

    Raises SystemExit when the address cannot be had.
    """
    config = _config(app, settings)
    config.load()
    app.http_parser = parser_of(config)
    server = Server(config)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(), name="http server")
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        app.health.draining = True
        await asyncio.sleep(settings.drain_seconds)  # a proxy looks at /ready meanwhile
        server.should_exit = True
    await serving


def run_workers(settings: Settings) -> None:
    """Several processes on one socket, watched by uvicorn."""
    from uvicorn.supervisors import Multiprocess

    config = _config("backend.server:worker", settings)
    Multiprocess(config, sockets=[config.bind_socket()]).run()


def worker() -> Backend:
    """The application in a uvicorn worker, which must not outlive its supervisor."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = read()
    logging.basicConfig(level=settings.log_level.upper())
    return build(settings)
