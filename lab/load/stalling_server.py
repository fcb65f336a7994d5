"""A server that answers every request at once, but for one stall: python -m lab.load.stalling_server 0.5.

Prints its port, and after the stall its begin and end (time.monotonic()). The stall comes
STALL_AFTER_SECONDS after the first request. Ends with its standard input.
"""

import asyncio
import os
import sys
import time
from typing import Any

STALL_AFTER_SECONDS = 0.4
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class _Answering(asyncio.Protocol):
    stall = 0.0  # seconds; the same for all connections
    waiting = True  # for the first request

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if _Answering.waiting:
            _Answering.waiting = False
            asyncio.get_running_loop().call_later(STALL_AFTER_SECONDS, _stall)
        if data.endswith(b"\r\n\r\n"):  # the generator's requests here have no body and come one at a time
            self._transport.write(ANSWER)


def _stall() -> None:
    begin = time.monotonic()
    time.sleep(_Answering.stall)
    print(begin, time.monotonic(), flush=True)


async def main() -> None:
    """Serve until standard input ends."""
    _Answering.stall = float(sys.argv[1])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
