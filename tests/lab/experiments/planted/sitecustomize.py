"""Loaded by Python itself where PYTHONPATH says so: each HTTP request burns CPU for a known time."""

import os
import time

MICROSECONDS = float(os.environ.get("BURN_MICROSECONDS", "0"))


def plant() -> None:
    """Wrap the end of each request in uvicorn's fast parser."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    finish = HttpToolsProtocol.on_message_complete

    def burn_and_finish(protocol: HttpToolsProtocol) -> None:
        until = time.thread_time() + MICROSECONDS / 1e6
        while time.thread_time() < until:
            pass
        finish(protocol)

    setattr(HttpToolsProtocol, finish.__name__, burn_and_finish)


if MICROSECONDS:
    plant()
