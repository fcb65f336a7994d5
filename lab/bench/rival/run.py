"""The run: a stack, two of the rival's services on the same RabbitMQ, turns, and a broker restart."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Literal

import msgspec

from lab.bench.rival.clients import Emitter, Listener
from lab.bench.rival.fed import Fed, feeding
from lab.commands.demo import people
from lab.errors import LabError
from lab.load.fingerprint import machine
from lab.load.plan import LoadPlan
from lab.load.record import Machine
from lab.load.run import run_load
from lab.pressure import between, cpu_seconds, moment
from lab.stack.description import StackDescription
from lab.stack.host import restart, running
from lab.stack.modes import Request
from lab.stack.ports import free_ports
from lab.stack.program import http_ready

CHARACTERS = 80
READY_SECONDS = 90.0
ARRIVE_SECONDS = 3.0  # after the last emit of a turn
CALM_SECONDS, AFTER_SECONDS = 10.0, 50.0  # before and after the broker is restarted
LAST_SECONDS = 10.0  # is it working again by then?
Side = Literal["ours", "fed", "rival"]  # fed: our services, fed past the API as the rival's are
SIDES: tuple[Side, ...] = ("ours", "fed", "rival")


class Turn(msgspec.Struct, frozen=True):
    """Some seconds of load on one side. CPU is that of its websocket services."""

    side: Side
    messages: int
    deliveries: int
    owed: int
    cpu_seconds: float
    delay_p50: float

    @property
    def per_cpu_second(self) -> float:
        return self.deliveries / self.cpu_seconds


class Restart(msgspec.Struct, frozen=True):
    """What a side did over a restart of the broker. `accepted`: the sender was told that all is well."""

    side: Side
    messages: int
    accepted: int
    owed: int  # deliveries of those that were accepted
    lost: int
    latest_seconds: float  # the latest delivery
    share_at_the_end: float  # of the deliveries owed in the last seconds: does it work again?


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    format: str = "fastapi-performance-lab/rival"
    command: str
    started_at: float
    rate: float
    sockets: int
    services: int = 2  # of each side
    publish_interval_seconds: float = 0.0  # ours
    turns: list[Turn]
    restarts: list[Restart]
    restart_seconds: float
    versions: dict[str, str]
    machine: Machine
    waited: float | None

    def ratios(self, side: Side = "ours") -> list[float]:
        """Deliveries per CPU-second, ours over the rival's, round by round."""
        mine = [turn.per_cpu_second for turn in self.turns if turn.side == side]
        theirs = [turn.per_cpu_second for turn in self.turns if turn.side == "rival"]
        return [one / other for one, other in zip(mine, theirs, strict=True)]


class RivalPlan(msgspec.Struct, frozen=True):
    """How much of what."""

    rounds: int
    seconds: float
    rate: float
    sockets: int
    seed: int
    home: Path
    command: str
    services: int = 2  # of each side
    publish_interval_seconds: float = 0.0  # ours


def bench(plan: RivalPlan, tell: Callable[[str], None]) -> Rival:
    """Start everything, measure, stop it. Raises LabError."""
    levers = {"HOP_TIMES": "off", "PUBLISH_INTERVAL_SECONDS": f"{plan.publish_interval_seconds:g}"}
    request = Request(plan.home, mode="stack", websockets=plan.services, levers=levers)
    with running(request, tell) as stack:
        people(stack, plan.sockets, plan.seed)
        return asyncio.run(_bench(plan, stack, tell))


async def _bench(plan: RivalPlan, stack: StackDescription, tell: Callable[[str], None]) -> Rival:
    from importlib.metadata import version

    for name in ("aio_pika", "aiormq"):  # the emitter's library tells of every try while the broker is away
        logging.getLogger(name).setLevel(logging.CRITICAL)
    rabbit = stack.rabbitmq or {}
    broker = f"amqp://{rabbit['user']}:{rabbit['password']}@127.0.0.1:{rabbit['port']}/"
    started, pressed = time.time(), moment()
    turns: list[Turn] = []
    async with (
        _services(broker, plan.services) as (pids, urls),
        feeding(stack, plan.sockets, plan.rate, plan.publish_interval_seconds) as fed,
    ):
        async with _listeners(urls, plan.sockets) as listeners:
            for number in range(plan.rounds):
                for side in SIDES[:: 1 if number % 2 else -1]:
                    if side == "ours":
                        turns.append(await _our_turn(plan, stack))
                    elif side == "fed":
                        turns.append(await _fed_turn(plan, stack, fed))
                    else:
                        turns.append(await _rival_turn(plan, broker, pids, listeners))
                    tell(f"{side}: {turns[-1].per_cpu_second:,.0f} deliveries per CPU-second")
            waited = between(pressed, moment()).waited
            tell("RabbitMQ is restarted under both")
            restarts, took = await _over_a_restart(plan, stack, broker, listeners)
    return Rival(
        command=plan.command,
        started_at=started,
        rate=plan.rate,
        sockets=plan.sockets,
        services=plan.services,
        publish_interval_seconds=plan.publish_interval_seconds,
        turns=turns,
        restarts=restarts,
        restart_seconds=took,
        versions={name: version(name) for name in ("python-socketio", "uvicorn", "aio-pika", "websockets")},
        machine=await asyncio.to_thread(machine, stack.home),
        waited=waited,
    )


# --- the rival's side


@asynccontextmanager
async def _services(broker: str, count: int) -> AsyncIterator[tuple[list[int], list[str]]]:
    """Its websocket services: (pids, urls)."""
    ports = free_ports(count)
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lab.bench.rival.server"),
            env={**os.environ, "RIVAL_BROKER": broker, "RIVAL_PORT": str(port)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,  # it says every second that it cannot reach the broker
        )
        for port in ports
    ]
    try:
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        deadline = time.monotonic() + READY_SECONDS
        while missing := [reason for url in urls if (reason := http_ready(url)())]:
            if time.monotonic() > deadline:
                raise LabError(f"bench rival: {missing[0]}")
            await asyncio.sleep(0.1)
        yield [process.pid for process in processes], urls
    finally:
        for process in processes:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _listeners(urls: Sequence[str], count: int) -> AsyncIterator[list[Listener]]:
    listeners = [Listener(urls[user % len(urls)], user) for user in range(count)]
    try:
        for listener in listeners:
            await listener.start()
        yield listeners
    finally:
        await asyncio.gather(*(listener.stop() for listener in listeners))


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(user, user + 1) for user in range(0, count - 1, 2)]


async def _rival_turn(plan: RivalPlan, broker: str, pids: list[int], listeners: list[Listener]) -> Turn:
    emitter = Emitter(broker, _pairs(plan.sockets), plan.rate, CHARACTERS)
    await emitter.run(1.0)  # its connection is made with the first
    await asyncio.sleep(ARRIVE_SECONDS)
    _forget(listeners, emitter)
    before = cpu_seconds(pids)
    await emitter.run(plan.seconds)
    await asyncio.sleep(ARRIVE_SECONDS)
    used = cpu_seconds(pids) - before
    delays = [delay for one in listeners for delay in one.delays]
    heard = sum(len(one.heard) for one in listeners)
    return Turn("rival", len(emitter.emitted), heard, 2 * len(emitter.emitted), used, median(delays or [0.0]))


def _forget(listeners: list[Listener], emitter: Emitter) -> None:
    emitter.emitted.clear()
    for one in listeners:
        one.heard.clear()
        one.delays.clear()


# --- ours


def _load(plan: RivalPlan, stack: StackDescription, rate: float, seconds: float, **more: Any) -> LoadPlan:
    return LoadPlan(
        stack=stack,
        rate=rate,
        duration=seconds,
        warm_up=1.0,
        sockets=plan.sockets,
        dialogs=plan.sockets // 2,
        seed=plan.seed,
        content_characters=CHARACTERS,
        settle=46.0,
        command=plan.command,
        **more,
    )


async def _our_turn(plan: RivalPlan, stack: StackDescription) -> Turn:
    record = await run_load(_load(plan, stack, plan.rate, plan.seconds))
    if not record.ledger.clean:
        raise LabError(f"bench rival: our ledger is not clean: {record.ledger.examples[:1]}")
    used = sum(use.cpu_seconds for use in record.usage if use.kind == "websocket")
    if not used:
        raise LabError("bench rival: the CPU of the services could not be read; the machine is too busy")
    heard = sum(second.deliveries for second in record.seconds)
    delay = record.total.delivery.p50 if record.total.delivery else None
    return Turn("ours", record.total.ok, heard, record.ledger.owed, used, delay or 0.0)


async def _fed_turn(plan: RivalPlan, stack: StackDescription, fed: Fed) -> Turn:
    pids = [pid for name, pid in stack.live_pids().items() if name.startswith("websocket-")]
    async with fed.listening():
        await fed.run(1.0, CHARACTERS)
        await asyncio.sleep(ARRIVE_SECONDS)
        fed.forget()
        before = cpu_seconds(pids)
        await fed.run(plan.seconds, CHARACTERS)
        await asyncio.sleep(ARRIVE_SECONDS)
        used = cpu_seconds(pids) - before
    return Turn("fed", fed.emitted, len(fed.delays), 2 * fed.emitted, used, median(fed.delays or [0.0]))


# --- both at once


async def _over_a_restart(
    plan: RivalPlan, stack: StackDescription, broker: str, listeners: list[Listener]
) -> tuple[list[Restart], float]:
    rate, seconds = plan.rate / 4, CALM_SECONDS + AFTER_SECONDS
    emitter = Emitter(broker, _pairs(plan.sockets), rate, CHARACTERS)
    await emitter.run(1.0)
    await asyncio.sleep(ARRIVE_SECONDS)
    _forget(listeners, emitter)
    load = asyncio.create_task(run_load(_load(plan, stack, rate, seconds, timeout=2.0, retries=60)))
    emitting = asyncio.create_task(emitter.run(seconds))
    await asyncio.sleep(CALM_SECONDS)
    began = time.monotonic()
    await asyncio.to_thread(restart, stack, "rabbit")
    took = time.monotonic() - began
    record, _ = await asyncio.gather(load, emitting)
    await asyncio.sleep(ARRIVE_SECONDS)
    ledger = record.ledger
    lost = ledger.not_delivered + ledger.acknowledged_not_stored
    last = [second for second in record.seconds if second.at >= seconds - LAST_SECONDS]
    ours = Restart(
        "ours",
        ledger.sends,
        ledger.acknowledged,
        ledger.owed,
        lost,
        ledger.slowest_delivery_seconds or 0.0,
        min(1.0, sum(one.deliveries for one in last) / max(1, 2 * sum(one.ok for one in last))),
    )
    return [ours, _rival_after(emitter, listeners, rate, seconds)], took


def _rival_after(emitter: Emitter, listeners: list[Listener], rate: float, seconds: float) -> Restart:
    heard = [set(one.heard) for one in listeners]
    missed = [number for number, users in emitter.emitted for user in users if number not in heard[user]]
    first_of_last = (seconds - LAST_SECONDS) * rate
    late_heard = sum(number >= first_of_last for numbers in heard for number in numbers)
    return Restart(
        "rival",
        round(seconds * rate),
        len(emitter.emitted),
        2 * len(emitter.emitted),
        len(missed),
        max((delay for one in listeners for delay in one.delays), default=0.0),
        late_heard / (2 * LAST_SECONDS * rate),
    )
