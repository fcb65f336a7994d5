"""Bytes to a server, and all that it says to them."""

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_SECONDS

SILENCE_SECONDS = 1.0  # after a whole answer: nothing more is on its way


def said_to(url: str, request: bytes) -> bytes:
    """Until the server closes, or says no more after a whole answer; empty when it closes without a word.

    A server that does neither fails the test: it holds what it was sent.
    """
    address = urlsplit(url)
    heard = b""
    with socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS) as connection:
        with suppress(OSError):  # it need not hear all of it to answer
            connection.sendall(request)
        with suppress(ConnectionError):
            while part := _next_part(connection, _is_whole(heard)):
                heard += part
    return heard


def _next_part(connection: socket.socket, may_be_silent: bool) -> bytes:
    connection.settimeout(SILENCE_SECONDS if may_be_silent else PATIENCE_SECONDS)
    try:
        return connection.recv(65_536)
    except TimeoutError:
        assert may_be_silent, "neither an answer nor an end of the connection"
        return b""


def _is_whole(heard: bytes) -> bool:
    """Whether the first answer is there to its end."""
    head, end, body = heard.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n"))
