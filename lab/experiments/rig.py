"""The rig of a pull: the stacks of its sides, seeded and running, measured with the lab's own generator."""

import asyncio
import contextlib
import io
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Protocol

from hl_utils import seeding
from lab.errors import StackError
from lab.experiments.arrangement import Arrangement
from lab.experiments.audit import check_sides
from lab.experiments.built import built
from lab.experiments.counting import Counters, counted, plus, since
from lab.experiments.log_syncs import log_syncs
from lab.experiments.plan import PullPlan
from lab.experiments.trial import observations_of
from lab.load.plan import LoadPlan, Targets
from lab.load.record import RunRecord
from lab.load.run import OnBegin
from lab.stack.description import StackDescription
from lab.stack.host import restart, running
from lab.stack.services import lever_environment
from lab.stack.status import linked_statuses
from lab.trials.observation import Observation
from lab.trials.schedule import SIDES, Side, Step

Tell = Callable[[str], None]


class Load(Protocol):
    """lab.load.run.run_load, or what stands for it."""

    def __call__(self, plan: LoadPlan, *, on_begin: OnBegin | None = None) -> Awaitable[RunRecord]:
        """The record of a run; `on_begin` is awaited when its warm-up is over."""


SERVICES = ("backend", "websocket", "single")
RATE_OF_A_GENERATOR = 4_000.0  # from there on its lag shows in a p50 of milliseconds


def generators_for(rate: float, stack: StackDescription) -> int:
    """How many processes make this rate; one where a reader's newest write must be known to its process."""
    alone = stack.levers.get("READ_ROUTING") == "replica_ryw"
    return 1 if alone else max(1, math.ceil(rate / RATE_OF_A_GENERATOR))


class StackRig:
    """Measures the sides of a plan on running stacks. `load` is lab.load.run.run_load."""

    def __init__(
        self,
        plan: PullPlan,
        arrangement: Arrangement,
        stacks: Mapping[str, StackDescription],
        load: Load,
    ) -> None:
        self.plan = plan
        self.arrangement = arrangement
        self.stacks = stacks
        self._load = load
        self.last: RunRecord | None = None  # of it the machine's fingerprint is taken

    def stack_of(self, side: Side) -> StackDescription:
        """The stack in which a side lives."""
        return self.stacks[self.arrangement.home_of[side]]

    def effective(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What the processes of each side report. Blocks. Raises StackError when one does not."""
        found: dict[str, list[Mapping[str, Any]]] = {side: [] for side in SIDES}
        for side in SIDES:
            own = self.arrangement.processes[side]
            answers = linked_statuses(self.stack_of(side))
            for status in answers:
                if status.kind in SERVICES and (own is None or status.name in own):
                    if not status.effective:
                        raise StackError(f"{status.name} does not report its settings: {status.health}")
                    found[side].append(status.effective)
            if self.arrangement.processes[side] is None:
                found[side].append(built(self.stack_of(side), answers))
        return found

    async def renew(self, sides: Sequence[Side]) -> None:
        """Restart the services of these sides, all at once; in a duet they take places in this order.

        Raises VoidResult when they then differ in more than the lever.
        """
        duet = self.arrangement.processes[sides[0]] is not None
        if duet:
            self.arrangement = self.arrangement.taking_places(sides)
        await asyncio.gather(
            *(
                asyncio.to_thread(
                    restart, self.stack_of(side), name, self.settings_of(side) if duet else None
                )
                for side in sides
                for name in self._services(side)
            )
        )
        await asyncio.to_thread(self.audit)

    def audit(self) -> None:
        """Ask every process. Raises VoidResult where the sides differ in more or less than the lever."""
        check_sides(
            self.plan.lever, self.plan.of.effective, self.plan.values, self.effective(), self.plan.held
        )

    def settings_of(self, side: Side) -> Mapping[str, str]:
        """What a process of a duet finds in its environment as this side, and not as another."""
        return lever_environment(self.plan.environment(side), self.stack_of(side).postgres)

    def _services(self, side: Side) -> tuple[str, ...]:
        own = self.arrangement.processes[side]
        if own is not None:
            return own
        return tuple(one.name for one in self.stack_of(side).processes if one.kind in SERVICES)

    async def measure(self, step: Step, seed: int) -> list[Observation]:
        """One trial: a run of the load on the step's sides, and what the services counted during it."""
        before: dict[Side, Counters] = {}

        async def count() -> None:
            before.update(await self._counted(step.sides))

        record = await self.run(step.sides, self.plan.rate, self.plan.trial_seconds, seed, on_begin=count)
        after = await self._counted(step.sides)
        counters = {side: since(before[side], after[side]) for side in step.sides}
        return observations_of(record, step, self.plan, self.arrangement, counters)

    async def _counted(self, sides: Sequence[Side]) -> dict[Side, Counters]:
        """The counters of each side's own processes, and of a database that it shares with nobody."""
        found = {}
        for side in sides:
            own, stack = self.arrangement.processes[side], self.stack_of(side)
            urls = [
                one.health.replace("/health", "/metrics")
                for one in stack.processes
                if one.kind in ("websocket", "backend") and one.health and (own is None or one.name in own)
            ]
            found[side] = plus(await asyncio.to_thread(counted, urls), await self.log_syncs(side))
        return found

    async def log_syncs(self, side: Side) -> Counters:
        """None where the database is shared with the other side, or where Citus workers commit as well."""
        stack = self.stack_of(side)
        alone = self.arrangement.processes[side] is None and stack.mode != "citus"
        return await log_syncs(stack.postgres.dsn) if alone else Counters()

    async def run(
        self, sides: Sequence[Side], rate: float, seconds: float, seed: int, *, stall_test: bool = False,
        on_begin: OnBegin | None = None,
    ) -> RunRecord:  # fmt: skip
        """One run of the load on these sides, which must live in one stack."""
        stack = promised(self.stack_of(sides[0]), self.plan)
        duet = self.arrangement.processes[sides[0]] is not None
        record = await self._load(
            LoadPlan(
                stack=stack,
                rate=rate,
                duration=seconds,
                warm_up=self.plan.warm_up_seconds,
                seed=seed,
                mix=self.plan.mix,
                sides={side: self._targets(side) for side in sides} if duet else {},
                sockets=self.plan.receivers,
                content_characters=self.plan.content_characters,
                proxy=not duet and stack.haproxy is not None,
                processes=generators_for(rate, stack),
                stall_test=stall_test,
                command=f"lab pull {self.plan.lever} --values {','.join(self.plan.values)}",
            ),
            on_begin=on_begin,
        )
        self.last = record
        return record

    def _targets(self, side: Side) -> Targets:
        """A side's own processes, and for the other kind all that there are."""
        stack = self.stack_of(side)
        number = list(self.arrangement.processes).index(side)
        if self.plan.part == "websocket":
            return Targets(tuple(stack.api), (stack.websockets[number],))
        return Targets((stack.api[number],), tuple(stack.websockets))


def promised(stack: StackDescription, plan: PullPlan) -> StackDescription:
    """The stack with what its reads promise in a duet of routings: the least of the sides.

    Otherwise the ledger would call lost what a replica may show a moment later.
    """
    if plan.lever != "read_routing" or "READ_ROUTING" in stack.levers:
        return stack
    least = next(value for value in ("replica", "replica_ryw", "primary") if value in plan.values)
    return replace(stack, levers={**stack.levers, "READ_ROUTING": least})


@contextmanager
def rig_of(plan: PullPlan, arrangement: Arrangement, load: Load, tell: Tell) -> Iterator[StackRig]:
    """The rig for the time of the block. Its stacks end with this process, however it ends."""
    with ExitStack() as up:
        stacks = {}
        for name, request in arrangement.stacks.items():
            tell(f"starting {'the stack' if len(arrangement.stacks) == 1 else f'stack {name}'} ...")
            stacks[name] = up.enter_context(running(request))
            seed(stacks[name], plan)
        yield StackRig(plan, arrangement, stacks, load)


def seed(stack: StackDescription, plan: PullPlan) -> None:
    """The plan's users and messages; the same rows in every stack."""
    fill(stack, plan.users, plan.messages, plan.seed)


def fill(stack: StackDescription, users: int, messages: int, number: int) -> None:
    """Seed a stack without a word."""
    wanted = seeding.planned(users, None, messages, number)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        seeding.run(wanted, "en_US", "password", seeding.connection(stack.postgres.dsn))
