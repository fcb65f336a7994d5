"""Loaded by Python itself where PYTHONPATH says so: each HTTP request burns CPU for a known time.

The microseconds stand in the file BURN, so that they can follow from what was measured before; without the
file nothing is burned.
"""

import os
import time
from pathlib import Path

BURN = Path(os.environ.get("BURN", "/nowhere"))
MICROSECONDS = float(BURN.read_text()) if BURN.is_file() else 0.0


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
