"""Samples of what each process of a stack holds: own memory, open files, tasks of its event loop."""

import asyncio
import time
from contextlib import suppress

import msgspec
import psutil

from lab.faults.watching import scrape
from lab.stack.description import StackDescription

SERVICES = ("backend", "websocket", "single")


class Series(msgspec.Struct):
    """One process over time; `tasks` stays empty for what is not ours."""

    name: str
    kind: str
    seconds: list[float] = []
    memory_mib: list[float] = []  # private pages (USS): what this process alone would give back
    files: list[float] = []
    tasks: list[float] = []


class Sampler:
    """Samples every few seconds until stopped; a process that is away is left out."""

    def __init__(self, stack: StackDescription, every_seconds: float) -> None:
        self._stack = stack
        self._every_seconds = every_seconds
        self.series = {one.name: Series(one.name, one.kind) for one in stack.processes if one.kind != "epmd"}

    async def run(self) -> None:
        """Until cancelled."""
        began = time.monotonic()
        while True:
            await asyncio.to_thread(self._sample, time.monotonic() - began)
            await asyncio.sleep(self._every_seconds)

    def _sample(self, at: float) -> None:
        pids = self._stack.live_pids()
        for process in self._stack.processes:
            series = self.series.get(process.name)
            if series is None or process.name not in pids:
                continue
            with suppress(psutil.Error, OSError, KeyError):
                memory, files = _holds(pids[process.name])
                tasks = (
                    scrape(process.health.removesuffix("/health") + "/metrics")["asyncio_tasks"]
                    if process.kind in SERVICES and process.health
                    else None
                )
                series.seconds.append(at)
                series.memory_mib.append(memory)
                series.files.append(files)
                series.tasks += [] if tasks is None else [tasks]


def _holds(pid: int) -> tuple[float, float]:
    """(MiB of private memory, open files) of a process and all its children."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    memory = files = 0.0
    for one in family:
        with suppress(psutil.NoSuchProcess):
            memory += one.memory_full_info().uss / 2**20
            files += one.num_fds()
    return memory, files
