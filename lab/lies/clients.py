"""Two ways to load a server: as a closed loop (the usual way) and as an open one (as users arrive)."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from lab.errors import LabError

Path = str | Callable[[int], str]


@dataclass(frozen=True)
class Sample:
    """One request. Times are seconds of one clock; `done` is None when the client gave up."""

    intended: float
    sent: float
    done: float | None
    status: int

    @property
    def waited(self) -> float:
        """From the intended send to the answer: what a user waits. Endless when none came."""
        return float("inf") if self.done is None else self.done - self.intended

    @property
    def answered(self) -> float:
        """From the actual send: what most tools report."""
        return float("inf") if self.done is None else self.done - self.sent


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connections:
    """Connections to one server, kept alive and used again; a new one when all are in use."""

    def __init__(self, port: int, keep_alive: bool = True) -> None:
        self.port, self.keep_alive = port, keep_alive
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str, limit: float | None = None) -> int:
        """The status of one GET. Raises TimeoutError; that connection is dropped then."""
        reader, writer = self._free.pop() if self._free else await self._open()
        try:
            async with asyncio.timeout(limit):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: lie\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
        except BaseException:
            writer.close()
            raise
        if self.keep_alive:
            self._free.append((reader, writer))
        else:
            writer.close()
        return int(head.split(b" ", 2)[1])

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def close(self) -> None:
        """Close the free ones."""
        for _, writer in self._free:
            writer.close()


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[int]:
    """The port of a server process that ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lab.lies.server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        if not line:
            raise LabError("the server of the lie did not start")
        yield int(line)
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def closed_loop(
    port: int, path: Path, users: int, seconds: float, *, keep_alive: bool = True
) -> list[Sample]:
    """Each user sends, waits for the answer, sends again: a slow server is asked less often."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    samples: list[Sample] = []
    connections = Connections(port, keep_alive)

    async def user() -> None:
        while (sent := loop.time()) < end:
            status = await connections.get(_path(path, len(samples)))
            samples.append(Sample(sent, sent, loop.time(), status))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(users):
            tasks.create_task(user())
    connections.close()
    return samples


async def open_loop(
    port: int,
    path: Path,
    rate: float,
    seconds: float,
    *,
    seed: int = 1,
    lockstep: int = 0,
    limit: float | None = None,
) -> list[Sample]:
    """Requests begin when they are due, whatever became of the earlier ones. Poisson, unless `lockstep`:

    then so many users all send at the same tick. `limit`: the client gives up after so many seconds.
    """
    loop = asyncio.get_running_loop()
    begin = loop.time() + 0.05
    samples: list[Sample] = []
    connections = Connections(port)

    async def one(due: float, number: int) -> None:
        sent = loop.time()
        try:
            status = await connections.get(_path(path, number), limit)
            samples.append(Sample(due, sent, loop.time(), status))
        except TimeoutError:
            samples.append(Sample(due, sent, None, 0))

    async with asyncio.TaskGroup() as tasks:
        for number, offset in enumerate(arrivals(rate, seconds, seed, lockstep)):
            await asyncio.sleep(max(0.0, begin + offset - loop.time()))
            tasks.create_task(one(begin + offset, number))
    connections.close()
    return samples


def arrivals(rate: float, seconds: float, seed: int, lockstep: int = 0) -> list[float]:
    """When requests are due, as seconds from the begin."""
    if lockstep:
        tick = lockstep / rate
        return [tick * round_ for round_ in range(int(seconds / tick)) for _ in range(lockstep)]
    chooser = random.Random(seed)
    due, found = 0.0, []
    while (due := due + chooser.expovariate(rate)) < seconds:
        found.append(due)
    return found


def _path(path: Path, number: int) -> str:
    return path if isinstance(path, str) else path(number)
