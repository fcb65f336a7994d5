"""Sends a job's arrivals when they are due and holds its sockets, on one event loop; judges nothing."""

import asyncio
import collections
import gc
import random
import time
import uuid
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from lab.load import job as pipe
from lab.load.answers import read_answer, read_listed
from lab.load.device import Device
from lab.load.frames import LANGUAGES, Light, MessageIds
from lab.load.http_client import DROPPED, NO_SENSE, TIMED_OUT, Exchange, Target
from lab.load.job import Job, Report
from lab.load.requests import LIST, SEND, Requests
from lab.load.rows import Rows
from lab.load.ticker import Ticker

SWEEP_SECONDS = 0.02
CONNECTING_AT_ONCE = 64
CONNECT_SECONDS = 40.0  # for all of them, and a hundredth for each: a device that failed once comes again
RETRY_SECONDS = 0.2


class Generator:
    """Runs one job; `parent` is where reports go."""

    def __init__(self, job: Job, parent: asyncio.WriteTransport) -> None:
        self._job = job
        self._parent = parent
        self._number = array("I", job.number)
        self._due = array("d", job.due)
        self._operation = array("B", job.operation)
        self._side = array("B", job.side)
        self._turn = array("I", job.turn)
        self._next = 0
        self._fired: dict[int, tuple[float, int]] = {}  # number -> (fired, tries)
        self._deadlines: collections.deque[tuple[float, int, Exchange]] = collections.deque()
        addresses = {url for side in job.targets for url in side}
        self._at = {url: Target(url, job.in_flight_limit + 16, job.certificate) for url in sorted(addresses)}
        self._targets = [[self._at[url] for url in side] for side in job.targets]
        ids = MessageIds(uuid.UUID(job.run))
        self._requests = Requests(job, ids)
        self._language = LANGUAGES[job.encoding]
        forms = {self._language.id_form(uuid.UUID(name)): n for n, (name, *_) in enumerate(job.dialogs)}
        self._rows = Rows(ids, forms)
        self._users = {user_id: index for index, user_id in enumerate(job.users)}
        self._devices = self._make_devices(list(forms))
        self._start = 0.0
        self._finished = asyncio.Event()
        self._leave = asyncio.Event()

    def _make_devices(self, forms: Sequence[str | bytes]) -> list[Device]:
        job = self._job
        of_user: dict[int, dict[Any, tuple[int, int | None]]] = collections.defaultdict(dict)
        for form, (_, low, high, newest) in zip(forms, job.dialogs, strict=True):
            last = newest if newest >= 0 else None
            of_user[low][form] = (job.users[high], last)
            of_user[high][form] = (job.users[low], last)
        return [
            Device(
                number=one.number,
                user_id=job.users[one.user],
                urls=one.urls,
                token=job.tokens[one.user],
                language=self._language,
                dialogs=dict(of_user[one.user]),
                log=self._rows,
                refetch=self._refetch,
                chance=random.Random(f"{job.seed} {one.number}"),
                certificate=job.certificate,
                device_id=str(uuid.UUID(int=random.Random(f"{job.run} {one.number}").getrandbits(128))),
            )
            for one in job.listeners
        ]

    async def prepare(self) -> None:
        """Open the sockets and the first connections. Raises TimeoutError, ConnectionError."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def ready(device: Device) -> None:
            async with gate:
                await device.connect()
                await device.ready.wait()

        async with asyncio.timeout(CONNECT_SECONDS + len(self._devices) / 100):
            await asyncio.gather(
                *(ready(device) for device in self._devices),
                *(target.warm(self._job.connections) for target in self._at.values()),
            )
        refused = next((device for device in self._devices if device.stopped_by), None)
        if refused:
            raise ConnectionError(f"user {refused.user_id}'s socket was refused: close {refused.stopped_by}")

    async def run(self, start: float) -> None:
        """All arrivals from `start` on (time.monotonic), to the last answer."""
        loop = asyncio.get_running_loop()
        self._start = start
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection would be a pause of the instrument; a run's garbage is without cycles
        ticker = Ticker(loop, lambda: self._fire_due(ticker))
        sweeping = loop.create_task(self._sweep())
        try:
            self._fire_due(ticker)
            await self._finished.wait()
        finally:
            ticker.close()
            sweeping.cancel()

    def stop(self) -> None:
        """No arrivals after now; what is under way is waited for."""
        while self._next < len(self._due) and self._start + self._due[self._next] <= time.monotonic():
            self._next += 1
            self._fire(self._next - 1)
        self._next = len(self._due)
        self._maybe_finished()

    def leave(self) -> None:
        """All is said: end."""
        self._leave.set()

    async def left(self) -> None:
        """Until `leave`."""
        await self._leave.wait()

    def _fire_due(self, ticker: Ticker) -> None:
        while self._next < len(self._due):
            moment = self._start + self._due[self._next]
            if moment > time.monotonic():
                ticker.arm(moment)
                return
            place, self._next = self._next, self._next + 1
            self._fire(place)
        self._maybe_finished()

    def _fire(self, place: int) -> None:
        now, number = time.monotonic(), self._number[place]
        if len(self._fired) >= self._job.in_flight_limit:
            self._rows.operations += pipe.OPERATION_ROW.pack(number, DROPPED, now, 0.0, 0.0, 0, 0)
            return
        self._fired[number] = (now, 1)
        self._submit(place)

    def _submit(self, place: int) -> None:
        number, side = self._number[place], self._targets[self._side[place]]
        tries = self._fired[number][1]
        target = side[(self._turn[place] + tries - 1) % len(side)]
        data = self._requests.make(place, target)
        exchange = Exchange(data, lambda done: self._answered(place, done))
        self._deadlines.append((time.monotonic() + self._job.timeout, number, exchange))
        target.submit(exchange)

    def _answered(self, place: int, exchange: Exchange) -> None:
        number = self._number[place]
        fired, tries = self._fired[number]
        operation = self._operation[place]
        sending = operation == SEND
        status, seq = exchange.status, 0
        try:
            if sending and status in (200, 201):
                seq = read_answer(exchange.body).seq
                if exchange.wrote_at:
                    self._requests.wrote(place, exchange.wrote_at)
            elif operation == LIST and status == 200:
                items = read_listed(exchange.body).items
                seq = items[0].seq if items else 0  # newest first
        except msgspec.DecodeError:
            status = NO_SENSE
        failed = status < 200 or status >= 500
        if sending and failed and tries <= self._job.retries:
            self._fired[number] = (fired, tries + 1)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._submit, place)
            return
        del self._fired[number]
        self._rows.operations += pipe.OPERATION_ROW.pack(
            number, status, fired, exchange.sent, exchange.answered, seq, tries
        )
        self._maybe_finished()

    def _maybe_finished(self) -> None:
        if self._next >= len(self._due) and not self._fired:
            self._finished.set()

    async def _sweep(self) -> None:
        """End what was not answered in time. All have the same limit, so the oldest is the first."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            while self._deadlines and (self._deadlines[0][2].answered or self._deadlines[0][0] <= now):
                exchange = self._deadlines.popleft()[2]
                if not exchange.answered:
                    exchange.finish(TIMED_OUT, now)
                    if exchange.on is not None:
                        exchange.on.abort()

    def _refetch(self, user_id: int, other_id: int, after: int) -> "asyncio.Future[Sequence[Light]]":
        found: asyncio.Future[Sequence[Light]] = asyncio.get_running_loop().create_future()
        target = self._targets[0][0]

        def done(exchange: Exchange) -> None:
            if found.done():
                return
            if exchange.status != 200:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, submit)
                return
            items = read_listed(exchange.body).items
            found.set_result(
                [Light(None, i.seq, self._id(i.id), i.from_user_id, i.to_user_id) for i in items]
            )

        def submit() -> None:
            target.submit(
                Exchange(self._requests.refetch(self._users[user_id], other_id, after, target), done)
            )

        submit()
        return found

    def _id(self, text: str) -> str | bytes:
        return self._language.id_form(uuid.UUID(text))

    def report(self, phase: str, words: str = "") -> None:
        """Tell the parent what happened since the last report."""
        report = Report(
            phase=phase,
            in_flight=len(self._fired),
            sockets=sum(device.open for device in self._devices),
            words=words,
            **self._rows.take(),
        )
        self._parent.write(pipe.framed(report))

    def close(self) -> None:
        """Close all sockets and connections."""
        for device in self._devices:
            device.end()
        for target in self._at.values():
            target.close()
