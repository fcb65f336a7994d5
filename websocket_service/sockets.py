"""The listening socket, and the life of one socket from accept to close."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import PerMessageDeflate, enable_server_permessage_deflate

from websocket_service import close_codes
from websocket_service.close_codes import Refused
from websocket_service.connection import CLOSE_SECONDS, Connection
from websocket_service.conversation import FRAMES_BURST, Conversation
from websocket_service.database import Database
from websocket_service.frames import MAX_FRAME_BYTES, Hello, Welcome
from websocket_service.handshake import Handshake, choose_protocol
from websocket_service.health import Health
from websocket_service.metrics import Metrics
from websocket_service.resume import Resume
from websocket_service.session import Session
from websocket_service.settings import Settings
from websocket_service.timers import Timers
from websocket_service.users import Users
from wire.codecs import Codec
from wire.tokens import Claims

logger = logging.getLogger(__name__)

BACKLOG = 4096  # everybody comes back at once after a proxy's restart
# Only these free a peer that is gone without a word or stopped reading; inherited by accepted sockets.
USER_TIMEOUT_MILLISECONDS = 15_000
SEND_BUFFER_BYTES = 131_072
WRITE_LIMIT_BYTES = 32_768  # in the process, above the kernel's buffer
RECEIVE_QUEUE_FRAMES = 8
OPEN_SECONDS = 5.0  # for the HTTP request of the upgrade


class Sockets:
    """Handles every socket; made of the parts that do the work."""

    def __init__(
        self,
        *,
        settings: Settings,
        health: Health,
        metrics: Metrics,
        database: Database,
        users: Users,
        handshake: Handshake,
        resume: Resume,
        timers: Timers,
        conversation: Conversation,
    ) -> None:
        self._settings = settings
        self._health = health
        self._metrics = metrics
        self._database = database
        self._users = users
        self._handshake = handshake
        self._resume = resume
        self._timers = timers
        self._conversation = conversation
        self.open = 0
        self._paths: list[str] = []  # of unix sockets that are listened on
        deflate = settings.compression == "deflate"
        self._extensions = enable_server_permessage_deflate(None) if deflate else ()

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        names = [one.name for one in self._extensions]
        return {
            "compression": "deflate" if PerMessageDeflate.name in names else "off",
            "app_transport": "unix" if self._paths else "tcp",
        }

    async def handle(self, accepted: ServerConnection) -> None:
        """One socket's life, in its own task."""
        assert isinstance(accepted, Connection)
        self.open += 1
        try:
            await self._talk(accepted)
        except Refused as refused:
            self._end(accepted, refused.code)
        except ConnectionClosed:
            pass
        except Exception:
            logger.exception("a socket's handler failed")
            self._end(accepted, 1011)
        finally:
            self.open -= 1
            session = accepted.session
            if session is not None:
                self._users.forget(session)
                self._timers.forget(session)
            if session is None or not session.ending:
                await self._count_close(accepted)

    async def _count_close(self, connection: Connection) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()
        self._metrics.closed(connection.close_code or 1006)

    def _end(self, connection: Connection, code: int) -> None:
        if connection.session is not None:
            connection.session.end(code)
        else:
            connection.end(code)

    async def _talk(self, connection: Connection) -> None:
        if self._health.draining:
            raise Refused(close_codes.DRAIN)
        if self.open > self._settings.ws_max_sockets:
            raise Refused(close_codes.NODE_FULL)
        hello, claims, codec = await self._handshake.hello(connection)
        if self._health.draining:  # since; the drain says bye only to those who were here when it began
            raise Refused(close_codes.DRAIN)
        if not self._health.prepared:
            raise Refused(close_codes.POSITION_LOST)
        session = await self._welcome(connection, hello, claims, codec)
        while True:
            await self._conversation.hear(session, await connection.recv())

    async def _welcome(self, connection: Connection, hello: Hello, claims: Claims, codec: Codec) -> Session:
        session = await self._users.join(connection, claims.user_id, hello.dev, codec)
        session.expires_at = claims.expires_at
        session.frames_left = FRAMES_BURST
        resumption = await self._resume.begin(session, hello.resume)
        self._metrics.resumes[resumption.kind] += 1
        # A cursor counts once all before it is written: until then the client keeps the one it has.
        complete = not resumption.messages or hello.resume is None
        session.cursor_given = self._users.cursor_of(session) if complete else str(hello.resume)
        session.write(
            Welcome(
                sid=connection.id.hex,
                epoch=self._database.epoch,
                resumed=resumption.kind,
                hb=round(self._settings.heartbeat_seconds * 1000),
                max=MAX_FRAME_BYTES,
                cursor=session.cursor_given,
            )
        )
        self._timers.watch(session)
        await session.replay(resumption.messages)
        return session

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Accept sockets; gives the port. Raises OSError when an address cannot be had."""
        settings = self._settings
        listener = _tcp(settings)
        servers = [await self._serve(listener)]
        if settings.ws_socket:
            servers.append(await self._serve(_unix(settings.ws_socket)))
            self._paths.append(settings.ws_socket)
        try:
            yield listener.getsockname()[1]
        finally:
            await asyncio.gather(*(_end_server(server) for server in servers))
            if settings.ws_socket:
                self._paths.remove(settings.ws_socket)
                _remove(settings.ws_socket)

    async def _serve(self, listener: socket.socket) -> Server:
        quiet = logging.getLogger("websockets.server")
        quiet.setLevel(logging.CRITICAL)  # a peer's bad handshake is its own business
        return await serve(
            self.handle,
            sock=listener,
            create_connection=Connection,
            process_request=self._health.answer,
            select_subprotocol=lambda _connection, offered: choose_protocol(offered),
            compression=None,  # `extensions` has it, where it is wanted
            extensions=self._extensions,
            server_header=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=None,  # heartbeats are frames of ours: they carry the cursor
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_FRAME_BYTES,
            max_queue=RECEIVE_QUEUE_FRAMES,
            write_limit=WRITE_LIMIT_BYTES,
            logger=quiet,
        )


async def _end_server(server: Server) -> None:
    server.close(code=close_codes.DRAIN, reason=close_codes.REASONS[close_codes.DRAIN])
    try:
        async with asyncio.timeout(2 * CLOSE_SECONDS):
            await server.wait_closed()
    except TimeoutError:
        for handler in list(server.handler_tasks):  # it waits for a part of the service that has ended
            handler.cancel()
        await server.wait_closed()


def _bounded(listener: socket.socket) -> socket.socket:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _tcp(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.ws_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((settings.ws_host, settings.ws_port))
    return _bounded(listener)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _unix(path: str) -> socket.socket:
    _remove(path)  # of a process that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    Path(path).chmod(0o666)  # the proxy is another user
    return _bounded(listener)
