"""Capacity of a running stack: the search with the lab's own generator."""

import asyncio
from collections.abc import Callable

from lab.experiments.capacities import MOST_RATE, attempt_of
from lab.experiments.counting import Counters, counted, since
from lab.experiments.rig import Load, generators_for
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import OnBegin
from lab.scaling.capacity import LISTENING_DEVICES, Attempt, Bracket, Slo, search
from lab.stack.description import StackDescription

Tell = Callable[[str], None]


class Measured:
    """Searches the capacity of stacks; `last` is the record of the last run (its machine is wanted).

    `metric`: whose latency must hold the SLO, the answers' or (delivery_p99) the deliveries'.
    """

    def __init__(
        self,
        load: Load,
        *,
        mix: str,
        seconds: float,
        seed: int = 1,
        sockets: int = LISTENING_DEVICES,
        metric: str = "p99",
    ) -> None:
        self._load, self.metric = load, metric
        self._mix, self._seconds, self._seed, self._sockets = mix, seconds, seed, sockets
        self.last: RunRecord | None = None

    async def capacity(
        self, stack: StackDescription, slo: Slo, tell: Tell, *, start: float = 100.0, most: float = MOST_RATE,
        resolution: float = 1.1,
    ) -> Bracket:  # fmt: skip
        """The bracket of this stack."""

        async def attempt(rate: float) -> Attempt:
            self.last = await self._run(stack, rate)
            found = attempt_of(self.last, self.metric)
            tell(f"{rate:,.0f}/s: {found.outcome(slo)}; busiest: {found.limit() or 'unknown'}")
            return found

        return await search(attempt, start, slo, most=most, resolution=resolution)

    async def acquire_wait_ms(self, stack: StackDescription, rate: float) -> float | None:
        """What an operation waited for a database connection at this rate; None where none is counted."""
        urls = [
            one.health.replace("/health", "/metrics")
            for one in stack.processes
            if one.kind == "backend" and one.health
        ]
        if not urls:
            return None
        before = Counters()

        async def count() -> None:
            nonlocal before
            before = await asyncio.to_thread(counted, urls)

        record = await self._run(stack, rate, count)
        after = await asyncio.to_thread(counted, urls)
        return since(before, after).besides(record.total.ok).get("acquire_wait_ms", 0.0)

    async def _run(self, stack: StackDescription, rate: float, on_begin: OnBegin | None = None) -> RunRecord:
        self._seed += 1
        return await self._load(
            LoadPlan(
                stack=stack,
                rate=rate,
                duration=self._seconds,
                warm_up=1.0,
                seed=self._seed,
                mix=self._mix,
                sockets=self._sockets,
                processes=generators_for(rate, stack),
                proxy=stack.haproxy is not None,
            ),
            on_begin=on_begin,
        )


def shape_of(stack: StackDescription) -> dict[str, int]:
    """How many processes of each kind a stack has."""
    found: dict[str, int] = {}
    for process in stack.processes:
        if process.kind == "epmd":
            continue  # finds nodes by their names, carries no message
        found[process.kind] = found.get(process.kind, 0) + 1
    return found
