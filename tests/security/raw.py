"""Bytes to a server, and all that it says to them."""

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_SECONDS

SILENCE_SECONDS = 1.0  # after a whole answer: nothing more is on its way


def said_to(url: str, request: bytes) -> bytes:
    """Until the server closes, or says no more after a whole answer; empty when it closes without a word."""
    address = urlsplit(url)
    heard = b""
    with socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS) as connection:
        with suppress(OSError):  # it need not hear all of it to answer
            connection.sendall(request)
        with suppress(TimeoutError, ConnectionError):
            while part := connection.recv(65_536):
                heard += part
                connection.settimeout(SILENCE_SECONDS if _is_whole(heard) else PATIENCE_SECONDS)
    return heard


def _is_whole(heard: bytes) -> bool:
    """Whether the first answer is there to its end."""
    head, end, body = heard.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n"))
