"""What the stack and the machine used while it was measured, and which settings were in effect."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab import pressure
from lab.experiments.meter import Meter, Reading, pss_bytes
from lab.load.record import Machinery, Usage
from lab.stack.description import StackDescription

HEALTH_SECONDS = 5.0
THIS = "lab"  # the process that leads the run and draws its progress


@dataclass(frozen=True)
class _Moment:
    stack: Reading | None
    generator: Mapping[str, float]
    machine: pressure.Moment


class Observer:
    """Call `begin` and `end` at the borders of the measured time, then ask."""

    def __init__(self, stack: StackDescription, generators: Mapping[str, int]) -> None:
        self._stack = stack
        self._generators = {**generators, THIS: os.getpid()}
        self._meter: Meter | None = None
        self._moments: list[_Moment] = []
        self._memory: dict[str, int] = {}

    async def open(self) -> None:
        """Connect; a stack without processes of its own (a test's) has nothing to meter."""
        if self._stack.processes:
            self._meter = await Meter.of(self._stack)

    async def mark(self) -> None:
        """Read all counters: once at the begin, once at the end."""
        self._moments.append(
            _Moment(
                await self._meter.read() if self._meter else None,
                {name: pressure.cpu_seconds([pid]) for name, pid in self._generators.items()},
                pressure.moment(),
            )
        )

    async def close(self) -> None:
        """Read the memory, and let go."""
        if self._meter:
            self._memory = await asyncio.to_thread(self._meter.memory_bytes)
            await self._meter.close()
            self._meter = None
        self._memory |= {name: pss_bytes(pid) for name, pid in self._generators.items()}

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
            for name in self._generators
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
