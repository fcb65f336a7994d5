"""From an accepted socket to a session: origin, version, hello, token. Every refusal is a close code:
before the accept a browser would see 1006 only."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from websockets.typing import Subprotocol

from websocket_service import close_codes
from websocket_service.close_codes import Refused
from websocket_service.connection import Connection
from websocket_service.frames import PROTOCOLS, Hello, decode
from websocket_service.revocation import Revocation
from wire.codecs import Codec
from wire.tokens import Claims, TokenError, Tokens


def choose_protocol(offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first one that we speak; else what the client asked for, so that it can hear why it is closed."""
    return next((name for name in offered if name in PROTOCOLS), offered[0] if offered else None)


def origin_allowed(origin: str | None, host: str | None, allowed: Sequence[str]) -> bool:
    """No origin (not a browser), the origin that serves this very host, or one of `allowed`.

    In those `*` as a port means any.
    """
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname:
        return False
    if host is not None and parts.netloc.lower() == host.lower():
        return True
    names = {origin.lower(), f"{parts.scheme}://{parts.hostname}:*"}
    if port is None:
        names.add(f"{parts.scheme}://{parts.hostname}")
    return any(name.lower() in names for name in allowed)


class Handshake:
    """Checks one socket after another."""

    def __init__(
        self, tokens: Tokens, revocation: Revocation, origins: Sequence[str], hello_seconds: float
    ) -> None:
        self._tokens = tokens
        self._revocation = revocation
        self._origins = origins
        self._hello_seconds = hello_seconds

    async def hello(self, connection: Connection) -> tuple[Hello, Claims, Codec]:
        """Wait for the hello. Raises Refused; ConnectionClosed when the client left."""
        assert connection.request is not None
        headers = connection.request.headers
        origins = headers.get_all("Origin")
        if len(origins) > 1 or not origin_allowed(
            origins[0] if origins else None, headers.get("Host"), self._origins
        ):
            raise Refused(close_codes.ORIGIN)
        codec = PROTOCOLS.get(connection.subprotocol or "")
        if codec is None:
            raise Refused(close_codes.VERSION)
        try:
            async with asyncio.timeout(self._hello_seconds):
                data = await connection.recv()
        except TimeoutError:
            raise Refused(close_codes.NO_HELLO) from None
        try:
            frame = decode(codec, data)
        except msgspec.DecodeError:
            raise Refused(close_codes.MALFORMED) from None
        if not isinstance(frame, Hello):
            raise Refused(close_codes.NO_HELLO)
        return frame, self.claims(frame.token), codec

    def claims(self, token: str, user_id: int | None = None) -> Claims:
        """Whom a token speaks for, which must be this user if given. Raises Refused."""
        try:
            claims = self._tokens.check(token)
        except TokenError as error:
            expired = str(error) == "expired"
            raise Refused(close_codes.TOKEN_EXPIRED if expired else close_codes.BAD_TOKEN) from None
        if user_id is not None and claims.user_id != user_id:
            raise Refused(close_codes.BAD_TOKEN)
        if claims.user_id in self._revocation.disabled:
            raise Refused(close_codes.REVOKED)
        return claims
