"""`run_load`: one run from its plan to its record. The load comes from processes of its own."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg
import numpy as np

from lab.errors import LabError
from lab.load import figures, fingerprint, guards, population, record
from lab.load.device import MISROUTED, REPLAY
from lab.load.figures import Deliveries, Rows, Samples
from lab.load.frames import MessageIds
from lab.load.http_client import DROPPED
from lab.load.job import Report
from lab.load.jobs import make_jobs, side_of_devices
from lab.load.ledger import Applied, Books, Read, Received, Sent, Stored, balance, owed_by_device
from lab.load.observer import Observer, effective
from lab.load.plan import OPERATIONS, LoadPlan
from lab.load.population import Population
from lab.load.process import GeneratorProcess
from lab.load.record import RunRecord
from lab.load.schedule import Schedule, make_schedule
from lab.load.stall import stall_test

LEAD_SECONDS = 0.1  # from the word to the first arrival: every process has heard it by then
LATE_SECONDS = 0.5  # how long after a second its live figures are made
ANSWERED_WITHIN_SECONDS = 0.25  # after the measured time, an answer still counts as in time
SEND, LIST = OPERATIONS.index("send"), OPERATIONS.index("list")

OnSecond = Callable[[record.Second], None]


async def run_load(
    plan: LoadPlan, on_second: OnSecond | None = None, stop: asyncio.Event | None = None
) -> RunRecord:
    """Run a plan and return its record; `on_second` is given preliminary figures of each second.

    `stop` ends the arrivals early: what was measured until then is kept. Raises LabError (UsageError for
    a plan that cannot be) before the load begins; afterwards everything that goes wrong is in the record.
    """
    plan.check()
    tested = await stall_test(plan) if plan.stall_test else None
    connection = await population.connect(plan.stack.postgres)
    try:
        people = await population.choose(
            connection, plan.dialog_count(), plan.sockets, plan.seed, "list_deep" in plan.shares()
        )
        run = _Run(plan, people, stop or asyncio.Event())
        return await run.carry_out(connection, on_second, tested)
    except (OSError, asyncpg.PostgresError) as error:
        raise LabError(f"load: the database did not answer: {error}") from None
    finally:
        connection.terminate()


class _Run:
    """The state of one run while it goes on."""

    def __init__(self, plan: LoadPlan, people: Population, stop: asyncio.Event) -> None:
        self._plan = plan
        self._people = people
        self._stop = stop
        self._sides = list(plan.targets())
        self._schedule: Schedule = make_schedule(
            plan.rate,
            plan.warm_up + plan.duration,
            plan.seed,
            shares=plan.shares(),
            sides=len(self._sides),
            dialogs=len(people.dialogs),
        )
        self._id: UUID = MessageIds.new_run(time.time(), random.getrandbits(42))
        self._rows = Rows()
        self._applied = 0
        self._heard = asyncio.Event()
        self._reconnects = 0
        self._closes: Counter[str] = Counter()
        self._sockets: list[tuple[float, int]] = []
        self._processes = [GeneratorProcess(f"generator-{n + 1}", self._take) for n in range(plan.processes)]
        self._start = 0.0
        self._end = 0.0  # of the measured time
        self._clock = time.time() - time.monotonic()

    @property
    def _begin(self) -> float:
        return self._start + self._plan.warm_up

    def _take(self, report: Report) -> None:
        self._rows.add(report)
        self._applied += len(report.applied) // figures.LAYOUTS["applied"].itemsize
        self._reconnects += report.reconnects
        self._closes.update({str(code): count for code, count in report.closes.items()})
        self._heard.set()
        self._sockets.append((time.monotonic(), sum(one.newest.sockets for one in self._processes)))

    async def carry_out(
        self, connection: asyncpg.Connection, on_second: OnSecond | None, tested: record.StallTest | None
    ) -> RunRecord:
        """All of it."""
        settings = await effective(self._plan.stack)
        machine = await asyncio.to_thread(fingerprint.machine, self._plan.stack.home)
        jobs = make_jobs(self._plan, self._people, self._schedule, self._id)
        observer = Observer(self._plan.stack, {})
        try:
            await asyncio.gather(*(p.start(job) for p, job in zip(self._processes, jobs, strict=True)))
            observer = Observer(self._plan.stack, {one.name: one.pid for one in self._processes})
            await observer.open()
            await self._load(observer, on_second)
            stored = await self._settle(connection)
            await observer.close()
            await asyncio.gather(*(one.leave() for one in self._processes))
        finally:
            await asyncio.gather(*(one.kill() for one in self._processes))
            with suppress(OSError, asyncpg.PostgresError):
                await observer.close()
        return await asyncio.to_thread(self._written, stored, observer, settings, machine, tested)

    async def _load(self, observer: Observer, on_second: OnSecond | None) -> None:
        self._start = time.monotonic() + LEAD_SECONDS
        self._end = self._begin + self._plan.duration
        for process in self._processes:
            process.tell(self._start)
        showing = asyncio.create_task(self._show(on_second)) if on_second else None
        try:
            await self._until(self._begin)
            await observer.mark()
            await self._until(self._end)
            if self._stop.is_set():
                self._end = min(self._end, max(time.monotonic(), self._begin))
            await observer.mark()
            if self._stop.is_set():
                for process in self._processes:
                    process.tell("stop")
            limit = (1 + self._plan.retries) * (self._plan.timeout + 0.5) + 5
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await asyncio.gather(*(one.sent.wait() for one in self._processes))
            if showing and not self._stop.is_set():
                await showing
        finally:
            if showing:
                showing.cancel()

    async def _until(self, moment: float) -> None:
        """Wait for a moment; a stop, or the end of all generators, ends the wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, moment - time.monotonic())):
                await self._stop.wait()

    async def _show(self, on_second: OnSecond) -> None:
        number = 0
        while True:
            begin = self._begin + number
            if begin + 1 > self._end + 1e-9:
                return
            await asyncio.sleep(max(0.0, begin + 1 + LATE_SECONDS - time.monotonic()))
            samples, deliveries = self._joined()
            on_second(self._second(number, samples, deliveries))
            number += 1

    def _joined(self) -> tuple[Samples, Deliveries]:
        samples = Samples.of(self._schedule, self._rows.whole("operations"), self._start)
        return samples, Deliveries.of(
            self._rows.whole("applied"), samples, side_of_devices(self._plan, self._people)
        )

    def _second(self, number: int, samples: Samples, deliveries: Deliveries) -> record.Second:
        begin = self._begin + number
        return figures.second(
            number,
            begin,
            samples=samples,
            deliveries=deliveries,
            limit=self._plan.timeout,
            sockets=figures.sockets_at(self._sockets, begin + 1),
        )

    async def _settle(self, connection: asyncpg.Connection) -> list[Stored]:
        """Wait until all that is stored has been delivered, at most for the plan's settle time."""
        deadline = time.monotonic() + self._plan.settle
        listeners = {one: len(devices) for one, devices in owed_by_device(self._books(None)).items()}
        stored: list[Stored] = []
        while True:
            stored = await self._stored(connection)
            owed = sum(listeners[one.dialog] for one in stored)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._have_applied(owed)
            again = await self._stored(connection)  # a send that was given up may be stored late
            if len(again) == len(stored) or time.monotonic() >= deadline:
                return again

    async def _have_applied(self, owed: int) -> None:
        while self._applied < owed and not all(one.died for one in self._processes):
            self._heard.clear()
            await self._heard.wait()

    async def _stored(self, connection: asyncpg.Connection) -> list[Stored]:
        number = {one.id: place for place, one in enumerate(self._people.dialogs)}
        ids = MessageIds(self._id)
        return [
            Stored(number[dialog], seq, ids.number(str(name)), from_user, to_user)
            for dialog, seq, name, from_user, to_user in await population.stored(
                connection, self._people.dialogs
            )
        ]

    def _books(self, stored: Sequence[Stored] | None) -> Books:
        dialogs = [(one.low, one.high, one.newest) for one in self._people.dialogs]
        rows = self._rows.whole("operations")
        kind = self._schedule.operation[rows["number"]]
        sends = rows[kind == SEND][["number", "status", "seq", "answered"]]
        lists = rows[(kind == LIST) & (rows["status"] == 200)][["number", "seq", "sent"]]
        return Books(
            dialogs=dialogs,
            devices=self._people.listeners,
            sent=[one for row in sends.tolist() if (one := self._sent(*row)) is not None],
            reads=[self._read(*row) for row in lists.tolist()],
            may_read_stale=self._plan.stack.levers.get("READ_ROUTING") == "replica",
            stored=stored,
            received=(
                Received(device, dialog, seq, number, at, bool(flags & REPLAY), bool(flags & MISROUTED))
                for device, dialog, seq, number, at, flags in self._rows.whole("received").tolist()
            ),
            applied=[Applied(*row) for row in self._rows.whole("applied").tolist()],
            reconnects=self._reconnects,
            closes=dict(self._closes),
        )

    def _sent(self, number: int, status: int, seq: int, answered: float) -> Sent | None:
        if status == DROPPED:
            return None
        due = float(self._schedule.due[number]) + self._start
        acknowledged = seq if status in (200, 201) else None
        return Sent(
            number, int(self._schedule.dialog[number]), *self._pair(number), due, acknowledged, answered
        )

    def _read(self, number: int, newest: int, sent: float) -> Read:
        return Read(int(self._schedule.dialog[number]), self._pair(number)[0], sent, newest)

    def _pair(self, number: int) -> tuple[int, int]:
        """Who acted, towards whom."""
        dialog = self._people.dialogs[int(self._schedule.dialog[number])]
        return (dialog.low, dialog.high) if self._schedule.forward[number] else (dialog.high, dialog.low)

    def _written(
        self,
        stored: list[Stored],
        observer: Observer,
        settings: dict[str, dict[str, object]],
        machine: record.Machine,
        tested: record.StallTest | None,
    ) -> RunRecord:
        plan, limit = self._plan, self._plan.timeout
        samples, deliveries = self._joined()
        measured = (samples.due >= self._begin) & (samples.due < self._end)
        seconds = self._end - self._begin
        delivered = measured[deliveries.number]
        sending = bool((samples.operation[measured] == SEND).any())
        ledger = balance(self._books(stored))

        def of(chosen: "np.typing.NDArray[np.bool_]", side: int | None, sends: bool) -> record.Figures:
            mine = delivered if side is None else delivered & (deliveries.side == side)
            return figures.figures(samples, chosen, limit, deliveries.taken[mine] if sends else None)

        total = of(measured, None, sending)
        in_time = samples.ok & measured & (samples.answered <= self._end + ANSWERED_WITHIN_SECONDS)
        checks = [
            guards.generator_alive([one.died for one in self._processes if one.died]),
            guards.achieved(int(in_time.sum()), total),
            guards.errors(total),
            guards.lag(total),
            guards.generator_cpu(observer.generator_cores()),
            guards.ledger_clean(ledger),
        ]
        if tested:
            checks.insert(0, guards.stall_shown(tested))
        return RunRecord(
            started_at=self._begin + self._clock,
            measured_seconds=seconds,
            interrupted=self._stop.is_set(),
            command=plan.command,
            settings=self._settings(),
            stack=record.Stack(mode=plan.stack.mode, levers=dict(plan.stack.levers), effective=settings),
            machine=machine,
            pressure=observer.pressure(),
            total=total,
            sides={
                name: of(measured & (samples.side == number), number, sending)
                for number, name in enumerate(self._sides)
            },
            operations={
                name: of(chosen, None, name == "send")
                for name, chosen in figures.by_operation(samples, measured).items()
            },
            seconds=[self._second(number, samples, deliveries) for number in range(int(seconds + 1e-6))],
            hops=figures.hops(self._rows.whole("hops"), samples, self._clock, self._begin),
            usage=observer.usage(total.ok),
            ledger=ledger,
            stall_test=tested,
            guards=checks,
            verdict=guards.verdict(checks, total, ledger, seconds),
        )

    def _settings(self) -> record.Settings:
        plan = self._plan
        return record.Settings(
            rate=plan.rate,
            duration_seconds=plan.duration,
            warm_up_seconds=plan.warm_up,
            seed=plan.seed,
            mix={str(name): share for name, share in plan.shares().items()},
            users=len(self._people.users),
            dialogs=len(self._people.dialogs),
            sockets=len(self._people.listeners),
            content_characters=plan.content_characters,
            encoding=plan.encoding,
            timeout_seconds=plan.timeout,
            in_flight_limit=plan.in_flight_limit,
            retries=plan.retries,
            generator_processes=plan.processes,
            sides={
                name: {"api": list(one.api), "websockets": list(one.websockets)}
                for name, one in plan.targets().items()
            },
        )
