"""The run: a stack, the twin beside it, sockets on both, rounds in turn."""

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import msgspec
import websockets

from lab.bench.feeding import broker_of
from lab.bench.push.receivers import Receiver, connect, leave
from lab.bench.push.result import BARE, SERVICE, Gap, Idle, Push, PushResult
from lab.errors import LabError
from lab.experiments.meter import pss_bytes
from lab.load.fingerprint import machine
from lab.load.frames import Light
from lab.pressure import between, cpu_seconds, moment
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Mode, Request
from wire.broker import Publisher
from wire.brokers import publisher_for
from wire.message import DialogMessage, dialog_id_of
from wire.tokens import Tokens

RATES = (1000.0, 5000.0, 20_000.0, 50_000.0)  # deliveries/s; the last is more than a process can do
READERS = 20
READER_RATE = 100.0  # messages/s to the readers together
FLOOD_BYTES = 4000
GAP_SECONDS = 4.0
FLOODS = 5  # messages to the client that may be stuck, for each one to a reader
TICK_SECONDS = 0.005
LATE_SECONDS = 0.25  # after the turn's seconds, a delivery still counts as in time
ARRIVE_SECONDS = 30.0  # nobody waits so long unless some are lost
# Idle is idle: no heartbeats during the minutes of a run. No repairs either: nothing is stored.
SETTINGS = {"HEARTBEAT_SECONDS": "3600", "HOP_TIMES": "off"}


@dataclass(frozen=True)
class PushPlan:
    """How much of what."""

    rounds: int
    seconds: float
    sockets: int
    idle_sockets: int
    seed: int
    broker: str
    transport: str  # tcp or unix: of all sockets, on both sides
    home: Path
    command: str


def bench(plan: PushPlan, tell: Callable[[str], None]) -> PushResult:
    """Start the stack, measure, stop it. Raises LabError when sockets cannot be had."""
    need = max(plan.sockets, plan.idle_sockets) * 2 + 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < need:
        raise LabError(f"bench push: {need} open files are needed and {hard} allowed; choose fewer sockets")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    levers = {**SETTINGS, "BROKER": plan.broker}
    if plan.transport == "unix":
        levers["APP_TRANSPORT"] = "unix"
    mode: Mode = "stack" if plan.broker == "rabbitmq" or plan.transport == "unix" else "multi"
    request = Request(home=plan.home, mode=mode, api=1, websockets=2, levers=levers)
    with running(request, tell) as description:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_Run(plan, description, tell).run())


@asynccontextmanager
async def _twin(path: Path | None) -> AsyncIterator[tuple[int, str]]:
    """The library alone as a process, listening on a port, and on a unix socket too: (pid, url)."""
    command = [sys.executable, "-m", "lab.bench.push.bare", *([str(path)] if path else [])]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.pid, f"ws://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


class _Heard:
    """What all receivers heard together."""

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, seconds: float) -> None:
        self.count = self.in_time = self.frames = 0
        self.longest = 0.0
        self.begun = self.last = time.time()
        self._until = self.begun + seconds + LATE_SECONDS

    def deliver(self, messages: Sequence[Light], now: float) -> None:
        self.count += len(messages)
        self.frames += 1
        if now <= self._until:
            self.in_time += len(messages)
        self.longest = max(self.longest, now - self.last)
        self.last = now


class _Run:
    def __init__(self, plan: PushPlan, description: StackDescription, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._description = description
        self._tell = tell
        self._pids = description.live_pids()
        self._tokens = Tokens(description.secret)
        self._bare_socket = description.home / "bare.sock" if plan.transport == "unix" else None
        self._chance = random.Random(plan.seed)
        self._seqs: dict[Any, int] = {}

    async def run(self) -> PushResult:
        plan = self._plan
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        publisher = publisher_for(broker_of(self._description, plan.broker))
        await publisher.start()
        async with asyncio.timeout(60):
            while not publisher.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        pressed = moment()
        try:
            async with _twin(self._bare_socket) as (bare_pid, bare_url):
                idle = [
                    await self._idle(SERVICE, self._pids["websocket-2"], self._ours(2)),
                    await self._idle(BARE, bare_pid, self._theirs(bare_url)),
                ]
                pushes = await self._pushes(publisher, bare_pid, bare_url)
                gaps = await self._gaps(publisher, bare_url)
        finally:
            await publisher.close()
        health = self._description.websockets[0].replace("ws://", "http://").removesuffix("/ws") + "/health"
        return PushResult(
            command=plan.command,
            machine=msgspec.to_builtins(machine(self._description.home)),
            started_at=started_at,
            broker=plan.broker,
            transport=plan.transport,
            sockets=plan.sockets,
            seconds=plan.seconds,
            gap_seconds=GAP_SECONDS,
            pushes=pushes,
            gaps=gaps,
            idle=idle,
            waited=between(pressed, moment()).waited,
            effective=await asyncio.to_thread(_effective, health),
        )

    def _ours(self, number: int) -> str:
        """Where a service takes sockets."""
        if self._plan.transport == "unix":
            return f"unix:{self._description.home}/haproxy/websocket-{number}.sock"
        return self._description.websockets[number - 1]

    def _theirs(self, bare_url: str) -> str:
        return f"unix:{self._bare_socket}" if self._bare_socket else f"{bare_url}/ws"

    def _token(self, user_id: int) -> str:
        return self._tokens.make(user_id, 3600)

    async def _idle(self, name: str, pid: int, url: str) -> Idle:
        self._tell(f"{self._plan.idle_sockets:,} idle sockets: {name}")
        tokens = [self._token(user) for user in range(1, self._plan.idle_sockets + 1)]
        await leave(await connect(url, tokens[:50], lambda *_: None))  # what only the first ones need
        before = pss_bytes(pid)
        receivers = await connect(url, tokens, lambda *_: None)
        await asyncio.sleep(1)
        after = pss_bytes(pid)
        await leave(receivers)
        return Idle(name, len(receivers), before, after)

    # --- CPU a delivery

    async def _pushes(self, publisher: Publisher, bare_pid: int, bare_url: str) -> list[Push]:
        plan = self._plan
        tokens = [self._token(user) for user in range(1, plan.sockets + 1)]
        heard = {SERVICE: _Heard(), BARE: _Heard()}
        ours = await connect(self._ours(1), tokens, heard[SERVICE].deliver)
        theirs = await connect(self._theirs(bare_url), tokens, heard[BARE].deliver)
        found = []
        pids = {SERVICE: self._pids["websocket-1"], BARE: bare_pid}
        for number in range(plan.rounds + 1):  # the first one warms up
            self._tell(f"deliveries, round {number} of {plan.rounds}")
            for rate in RATES:
                for name in self._chance.sample((SERVICE, BARE), 2):
                    all_heard = heard[name]
                    all_heard.begin(plan.seconds)
                    cpu = cpu_seconds([pids[name]])
                    if name == SERVICE:
                        wanted = await self._publish(publisher, rate / 2, plan.seconds) * 2
                    else:
                        wanted = await _bare_push(bare_url, rate, plan.seconds, "x" * 40)
                    await _until(lambda heard=all_heard, wanted=wanted: heard.count >= wanted)  # type: ignore[misc]
                    cpu = cpu_seconds([pids[name]]) - cpu
                    if number:
                        found.append(_push(name, number, rate, wanted, cpu_seconds=cpu, heard=all_heard))
        await leave([*ours, *theirs])
        return found

    async def _publish(self, publisher: Publisher, per_second: float, seconds: float) -> int:
        """Messages of random pairs at this rate; each is delivered to two sockets. Returns how many."""
        begun, sent = time.monotonic(), 0
        while (now := time.monotonic() - begun) < seconds:
            due = int(now * per_second) - sent
            if due > 0:
                everybody = range(1, self._plan.sockets + 1)
                pairs = [self._chance.sample(everybody, 2) for _ in range(due)]
                await publisher.publish([self._message(me, other, "x" * 40) for me, other in pairs])
                sent += due
            await asyncio.sleep(TICK_SECONDS)
        return sent

    def _message(self, me: int, other: int, content: str) -> DialogMessage:
        dialog = dialog_id_of(me, other)
        seq = self._seqs[dialog] = self._seqs.get(dialog, 0) + 1
        return DialogMessage(dialog, seq, uuid4(), me, other, content, time.time())

    # --- a client that does not read

    async def _gaps(self, publisher: Publisher, bare_url: str) -> list[Gap]:
        found = []
        for number in range(1, self._plan.rounds + 1):
            self._tell(f"stuck reader, round {number} of {self._plan.rounds}")
            for name in self._chance.sample((SERVICE, BARE), 2):
                for stuck in (False, True):
                    found.append(await self._gap(name, number, stuck, publisher, bare_url))
        return found

    async def _gap(self, name: str, number: int, stuck: bool, publisher: Publisher, bare_url: str) -> Gap:
        heard = _Heard()
        url = self._ours(1) if name == SERVICE else self._theirs(bare_url)
        base = 100_000 + number * 1000 + stuck * 100  # users of their own: nobody is kept from before
        (victim,) = await connect(url, [self._token(base)], lambda *_: None, small=True)
        tokens = [self._token(base + user) for user in range(1, READERS + 1)]
        readers = await connect(url, tokens, heard.deliver)
        if stuck:
            victim.transport.pause_reading()
        seconds = GAP_SECONDS
        heard.begin(seconds)
        if name == SERVICE:
            await self._flood(publisher, base, seconds)
        else:
            pushing = asyncio.create_task(
                _bare_push(bare_url, READER_RATE, seconds, "x" * 40, FLOODS * FLOOD_BYTES)
            )
            await asyncio.wait([pushing], timeout=seconds)
            await _end(pushing)
        heard.longest = max(heard.longest, time.time() - heard.last)
        received = heard.count
        closed = await _how_closed(victim, stuck)
        await leave([victim, *readers])
        return Gap(name, number, stuck, READER_RATE, received, heard.longest, closed)

    async def _flood(self, publisher: Publisher, base: int, seconds: float) -> None:
        """To the readers in turn, and much more to the one that may be stuck."""
        begun, sent = time.monotonic(), 0
        stranger, large = base + 99, "x" * FLOOD_BYTES
        while (now := time.monotonic() - begun) < seconds:
            if sent < now * READER_RATE:
                reader = base + 1 + sent % READERS
                await publisher.publish([self._message(stranger, reader, "x" * 40)])
                await publisher.publish([self._message(stranger, base, large) for _ in range(FLOODS)])
                sent += 1
            else:
                await asyncio.sleep(0.001)


def _push(name: str, number: int, rate: float, published: int, *, cpu_seconds: float, heard: _Heard) -> Push:
    return Push(
        name,
        number,
        rate,
        published,
        heard.count,
        cpu_seconds,
        in_time=heard.in_time,
        elapsed_seconds=heard.last - heard.begun,
        frames=heard.frames,
    )


async def _bare_push(url: str, per_second: float, seconds: float, content: str, first_too: int = 0) -> int:
    """Returns how many frames were written."""
    async with websockets.connect(f"{url}/control", compression=None, ping_interval=None) as control:
        order = {"per_second": per_second, "seconds": seconds, "content": content, "first_too": first_too}
        await control.send(json.dumps(order))
        return int(await control.recv())


async def _end(task: "asyncio.Task[int]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _how_closed(victim: Receiver, stuck: bool) -> int:
    """The code the stuck one reads when it reads again; 1006 when its connection was cut before."""
    if not stuck:
        return 0
    victim.transport.resume_reading()
    await asyncio.sleep(0.5)
    return victim.closed_with or (1006 if victim.transport.is_closing() else 0)


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ARRIVE_SECONDS
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _effective(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)["effective"]
        return found
