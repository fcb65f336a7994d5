"""A generator process as its parent sees it: start it, give it its job, hear its reports, end it."""

import asyncio
import sys
from collections.abc import Callable

import msgspec

from lab.errors import LabError
from lab.load import job as pipe
from lab.load.job import Job, Report

READY_SECONDS = 90.0  # on a full machine the imports alone take ten; its own limit comes before this one
LEAVE_SECONDS = 30.0


class GeneratorProcess:
    """`on_report` is called with each report as it comes. `died` says why it ended too early, or nothing."""

    def __init__(self, name: str, on_report: Callable[[Report], None]) -> None:
        self.name = name
        self.died = ""
        self.sent = asyncio.Event()  # all its arrivals are answered, or it died
        self.newest = Report(phase="starting")
        self._on_report = on_report
        self._ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self, job: Job) -> None:
        """Start it and return when its sockets and connections are open. Raises LabError."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lab.load.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the parent's: it ends the run in order
        )
        assert self._process.stdin
        self._process.stdin.write(pipe.framed(job))
        self._listening = asyncio.create_task(self._listen(), name=self.name)
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise LabError(f"{self.name}: not ready after {READY_SECONDS:g} s") from None
        if self.died:
            raise LabError(f"{self.name}: {self.died}")

    def tell(self, word: str | float) -> None:
        """A start time, `stop` or `leave`."""
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(pipe.framed(word))

    async def _listen(self) -> None:
        assert self._process and self._process.stdout
        decode = msgspec.msgpack.Decoder(Report).decode
        try:
            while True:
                head = await self._process.stdout.readexactly(pipe.LENGTH.size)
                report = decode(await self._process.stdout.readexactly(*pipe.LENGTH.unpack(head)))
                self.newest = report
                if report.phase == "failed":
                    self.died = report.words
                self._on_report(report)
                if report.phase in ("ready", "failed"):
                    self._ready.set()
                if report.phase in ("sent", "ended"):
                    self.sent.set()
        except asyncio.IncompleteReadError:
            if self.newest.phase not in ("ended", "failed"):
                self.died = f"{self.name} ended while it was {self.newest.phase}"
        finally:
            self._ready.set()
            self.sent.set()

    async def leave(self) -> None:
        """Let it end in order and take its last report."""
        self.tell("leave")
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                if self._listening:
                    await self._listening
                if self._process:
                    await self._process.wait()
        except TimeoutError:
            self.died = self.died or f"{self.name} did not end in {LEAVE_SECONDS:g} s"
            await self.kill()

    async def kill(self) -> None:
        """End it now."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._listening:
            await asyncio.wait([self._listening])
