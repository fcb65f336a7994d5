"""`run_load`: one run from its plan to its record. The load comes from processes of its own."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from lab.errors import LabError
from lab.load import fingerprint, population, record
from lab.load.asked import write_asked
from lab.load.frames import MessageIds
from lab.load.job import Report
from lab.load.jobs import make_jobs
from lab.load.ledger import Stored, owed_by_device
from lab.load.observer import Observer, effective
from lab.load.outcome import Outcome
from lab.load.plan import LoadPlan
from lab.load.population import Population
from lab.load.process import GeneratorProcess
from lab.load.record import RunRecord
from lab.load.schedule import make_schedule
from lab.load.stall import stall_test
from lab.load.ways import write_ways

LEAD_SECONDS = 0.1  # from the word to the first arrival: every process has heard it by then
LATE_SECONDS = 0.5  # how long after a second its live figures are made
DATABASE_AGAIN_SECONDS = 0.5  # between two tries to read a database that is away
LAST_ANSWERS_SECONDS = 5.0  # beyond the time limit of the last request

AHEAD_SECONDS = 0.2  # before the measured time: what is read then costs nothing in it

OnSecond = Callable[[record.Second], None]
OnBegin = Callable[[], Awaitable[None]]


async def run_load(
    plan: LoadPlan,
    on_second: OnSecond | None = None,
    stop: asyncio.Event | None = None,
    on_begin: OnBegin | None = None,
) -> RunRecord:
    """Run a plan and return its record; `on_second` is given preliminary figures of each second.

    `on_begin` is awaited when the warm-up is all but over, for whoever counts something himself.
    `stop` ends the arrivals early: what was measured until then is kept. Raises LabError (UsageError for
    a plan that cannot be) before the load begins; afterwards everything that goes wrong is in the record.
    """
    plan.check()
    tested = await stall_test(plan) if plan.stall_test else None
    people = await _people(plan)
    return await _Run(plan, people, stop or asyncio.Event()).carry_out(on_second, on_begin, tested)


async def _people(plan: LoadPlan) -> Population:
    connection = await population.connect(plan.stack.postgres)
    try:
        longest = "list_deep" in plan.shares()
        return await population.choose(connection, plan.dialog_count(), plan.sockets, plan.seed, longest)
    except (OSError, asyncpg.PostgresError) as error:
        raise LabError(f"load: the database did not answer: {error}") from None
    finally:
        connection.terminate()


class _Run:
    """The moving parts of one run."""

    def __init__(self, plan: LoadPlan, people: Population, stop: asyncio.Event) -> None:
        self._plan = plan
        self._people = people
        self._stop = stop
        schedule = make_schedule(
            plan.rate,
            plan.warm_up + plan.duration,
            plan.seed,
            shares=plan.shares(),
            sides=len(plan.targets()),
            dialogs=len(people.dialogs),
        )
        self._outcome = Outcome(plan, people, schedule)
        self._id = MessageIds.new_run(time.time(), random.getrandbits(42))
        self._heard = asyncio.Event()
        self._processes = [GeneratorProcess(f"generator-{n + 1}", self._hear) for n in range(plan.processes)]

    def _hear(self, report: Report) -> None:
        self._outcome.add(report, sum(one.newest.sockets for one in self._processes))
        self._heard.set()

    async def carry_out(
        self, on_second: OnSecond | None, on_begin: OnBegin | None, tested: record.StallTest | None
    ) -> RunRecord:
        """All of it."""
        plan = self._plan
        settings = await effective(plan.stack)
        machine = await asyncio.to_thread(fingerprint.machine, plan.stack.home)
        jobs = make_jobs(plan, self._people, self._outcome.schedule, self._id)
        observer = Observer(plan.stack, self._processes)
        try:
            await asyncio.gather(*(p.start(job) for p, job in zip(self._processes, jobs, strict=True)))
            await self._load(observer, on_second, on_begin)
            stored = await self._settle()
            await observer.weigh()
            await asyncio.gather(*(one.leave() for one in self._processes))
        finally:
            await asyncio.gather(*(one.kill() for one in self._processes))
        if plan.ways:
            await asyncio.to_thread(write_ways, plan.ways, self._outcome, MessageIds(self._id))
        if plan.asked:
            await asyncio.to_thread(write_asked, plan.asked, self._outcome)
        return await asyncio.to_thread(
            self._outcome.record,
            stored,
            observer,
            effective=settings,
            machine=machine,
            stall_test=tested,
            died=[one.died for one in self._processes if one.died],
        )

    async def _load(self, observer: Observer, on_second: OnSecond | None, on_begin: OnBegin | None) -> None:
        outcome = self._outcome
        outcome.start = time.monotonic() + LEAD_SECONDS
        outcome.end = outcome.begin + self._plan.duration
        for process in self._processes:
            process.tell(outcome.start)
        showing = asyncio.create_task(self._show(on_second)) if on_second else None
        reading: asyncio.Future[None] | None = None
        try:
            await self._until(outcome.begin - AHEAD_SECONDS)
            if on_begin:
                reading = asyncio.ensure_future(on_begin())
            await self._until(outcome.begin)
            await observer.mark()  # at its time, however long the reading takes
            if reading:
                await reading
            await self._until(outcome.end)
            if self._stop.is_set():
                outcome.interrupted = True
                outcome.end = min(outcome.end, max(time.monotonic(), outcome.begin))
            await observer.mark()
            if outcome.interrupted:
                for process in self._processes:
                    process.tell("stop")
            await self._last_answers()
            if showing and not outcome.interrupted:
                await showing
        finally:
            for one in filter(None, (showing, reading)):
                one.cancel()

    async def _until(self, moment: float) -> None:
        """Wait for a moment; a stop ends the wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, moment - time.monotonic())):
                await self._stop.wait()

    async def _last_answers(self) -> None:
        plan = self._plan
        with suppress(TimeoutError):
            async with asyncio.timeout((1 + plan.retries) * (plan.timeout + 0.5) + LAST_ANSWERS_SECONDS):
                await asyncio.gather(*(one.sent.wait() for one in self._processes))

    async def _show(self, on_second: OnSecond) -> None:
        number = 0
        while self._outcome.begin + number + 1 <= self._outcome.end + 1e-9:
            over = self._outcome.begin + number + 1
            await asyncio.sleep(max(0.0, over + LATE_SECONDS - time.monotonic()))
            on_second(self._outcome.second(number, *self._outcome.joined()))
            number += 1

    async def _settle(self) -> list[Stored] | None:
        """Wait until all that is stored has been delivered, at most for the plan's settle time.

        None: the database could not be read in that time.
        """
        deadline = time.monotonic() + self._plan.settle
        listeners = {one: len(found) for one, found in owed_by_device(self._outcome.books(None)).items()}
        while True:
            stored = await self._stored(deadline)
            owed = sum(listeners[one.dialog] for one in stored or ())
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._have_applied(owed)
            again = await self._stored(deadline)  # a send that was given up may be stored late
            if again is None or stored is None or len(again) == len(stored) or time.monotonic() >= deadline:
                return again

    async def _have_applied(self, owed: int) -> None:
        while self._outcome.applied < owed and not all(one.died for one in self._processes):
            self._heard.clear()
            await self._heard.wait()

    async def _stored(self, deadline: float) -> list[Stored] | None:
        place = {one.id: number for number, one in enumerate(self._people.dialogs)}
        ids = MessageIds(self._id)
        while True:
            try:
                connection = await population.connect(self._plan.stack.postgres)
                try:
                    rows = await population.stored(connection, self._people.dialogs)
                finally:
                    connection.terminate()
                return [
                    Stored(place[name], seq, ids.number(str(id_)), *pair) for name, seq, id_, *pair in rows
                ]
            except (LabError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() + DATABASE_AGAIN_SECONDS > deadline:
                    return None
                await asyncio.sleep(DATABASE_AGAIN_SECONDS)
