"""What the stack and the machine used while it was measured, and which settings were in effect."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from lab import pressure
from lab.errors import StackError
from lab.experiments.meter import Meter, Reading, pss_bytes
from lab.load.process import GeneratorProcess
from lab.load.record import Machinery, Usage
from lab.stack.description import StackDescription

HEALTH_SECONDS = 15.0
READ_SECONDS = 15.0
T = TypeVar("T")
THIS = "lab"  # the process that leads the run and draws its progress


@dataclass(frozen=True)
class _Moment:
    stack: Reading | None
    generator: Mapping[str, float]
    machine: pressure.Moment


class Observer:
    """Call `mark` at the borders of the measured time and `weigh` after it, then ask.

    Nothing here ends a run: what cannot be read (a server that is down) is missing in the record.
    """

    def __init__(self, stack: StackDescription, generators: Sequence[GeneratorProcess]) -> None:
        self._stack = stack
        self._processes = generators
        self._moments: list[_Moment] = []
        self._memory: dict[str, int] = {}

    def _pids(self) -> dict[str, int]:
        return {**{one.name: one.pid for one in self._processes}, THIS: os.getpid()}

    async def _read(self, what: Callable[[Meter], Awaitable[T]]) -> T | None:
        if not self._stack.processes:
            return None  # a test's stack has nothing to meter
        try:
            async with asyncio.timeout(READ_SECONDS):
                meter = await Meter.of(self._stack)
                try:
                    return await what(meter)
                finally:
                    await meter.close()
        except (OSError, StackError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None

    async def mark(self) -> None:
        """Read all counters: once at the begin, once at the end."""
        self._moments.append(
            _Moment(
                await self._read(lambda meter: meter.read()),
                {name: pressure.cpu_seconds([pid]) for name, pid in self._pids().items()},
                pressure.moment(),
            )
        )

    async def weigh(self) -> None:
        """Read the memory, while all still runs."""
        found = await self._read(lambda meter: asyncio.to_thread(meter.memory_bytes))
        self._memory = {**(found or {}), **{name: pss_bytes(pid) for name, pid in self._pids().items()}}

    def usage(self, operations: int) -> list[Usage]:
        """CPU between the marks, memory at the end; most CPU first."""
        first, last = self._moments[0], self._moments[-1]
        kinds: dict[str, str] = {one.name: one.kind for one in self._stack.processes}
        cpu: dict[str, tuple[str, float]] = {}
        if first.stack and last.stack:
            for name, seconds in last.stack.since(first.stack).items():
                cpu[name] = (kinds.get(name, "postgres"), seconds)
        for name, seconds in last.generator.items():
            kind = "lab" if name == THIS else "generator"
            cpu[name] = (kind, seconds - first.generator.get(name, 0.0))
        for name in self._memory:
            cpu.setdefault(name, (kinds.get(name, "postgres"), 0.0))  # all of PostgreSQL in one
        return [
            Usage(
                name=name,
                kind=kind,
                cpu_seconds=seconds,
                cpu_seconds_per_1000=seconds / operations * 1000 if operations else None,
                pss_bytes=self._memory.get(name),
            )
            for name, (kind, seconds) in sorted(cpu.items(), key=lambda item: -item[1][1])
        ]

    def generator_cores(self) -> list[float]:
        """Of each generator process, the share of a core that it used."""
        first, last = self._moments[0], self._moments[-1]
        seconds = last.machine.at - first.machine.at
        return [
            (last.generator[name] - first.generator[name]) / seconds
            for name in last.generator
            if name != THIS and seconds > 0
        ]

    def pressure(self) -> Machinery | None:
        """How full the machine was between the marks."""
        first, last = self._moments[0], self._moments[-1]
        if last.machine.at <= first.machine.at:
            return None
        between = pressure.between(first.machine, last.machine)
        own = sum(last.generator.values()) - sum(first.generator.values())
        if first.stack and last.stack:
            own += sum(last.stack.since(first.stack).values())
        return Machinery(
            waited=between.waited,
            busy_cores=between.busy_cores,
            cores_of_others=between.cores_of_others(own),
        )


async def effective(stack: StackDescription) -> dict[str, dict[str, Any]]:
    """Process -> the settings it reports of itself; one that does not answer reports {"error": why}."""
    asked = [(one.name, one.health) for one in stack.processes if one.health]
    pages = await asyncio.gather(*(asyncio.to_thread(_effective, url) for _, url in asked))
    return {name: page for (name, _), page in zip(asked, pages, strict=True)}


def _effective(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_SECONDS) as answer:
            page: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    found = page.get("effective", {})
    return found if isinstance(found, dict) else {}
