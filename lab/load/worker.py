"""One generator process: python -m lab.load.worker. Takes its job from standard input, reports on standard
output, and ends with its standard input."""

import asyncio
import os
import sys

import msgspec
import uvloop

from lab.load import job as pipe
from lab.load.generator import Generator
from lab.load.job import Job

REPORT_SECONDS = 0.25


class _Closing(asyncio.Protocol):
    """Tells when all that was written has gone out."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = pipe.LENGTH.unpack(await reader.readexactly(pipe.LENGTH.size))
    return await reader.readexactly(length)


async def _obey(reader: asyncio.StreamReader, generator: Generator, go: "asyncio.Future[float]") -> None:
    """Words of the parent: a number starts the run then, `stop` ends the arrivals, `leave` the process."""
    try:
        while True:
            match msgspec.msgpack.decode(await _read(reader)):
                case "stop":
                    generator.stop()
                case "leave":
                    generator.leave()
                case float(start):
                    go.set_result(start)
    except asyncio.IncompleteReadError:
        os._exit(1)  # the parent is gone


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    parent, closing = await loop.connect_write_pipe(_Closing, sys.stdout)
    generator = Generator(msgspec.msgpack.decode(await _read(reader), type=Job), parent)
    go: asyncio.Future[float] = loop.create_future()
    obeying = loop.create_task(_obey(reader, generator, go))
    try:
        await generator.prepare()
    except (TimeoutError, ConnectionError) as error:
        generator.report("failed", str(error) or "the sockets were not open in time")
        parent.close()
        await closing.closed.wait()
        return
    generator.report("ready")
    phase = "running"

    async def reporting() -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            generator.report(phase)

    reports = loop.create_task(reporting())
    await generator.run(await go)
    phase = "sent"
    generator.report(phase)
    await generator.left()
    reports.cancel()
    generator.close()
    generator.report("ended")
    obeying.cancel()
    parent.close()
    await closing.closed.wait()


if __name__ == "__main__":
    uvloop.run(_main())
