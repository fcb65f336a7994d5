"""One turn of each side: so many seconds of load, and what its websocket services made of them."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

from lab.bench.rival.clients import Emitter, Listener
from lab.bench.rival.fed import Fed
from lab.bench.rival.result import RivalPlan, Turn
from lab.errors import LabError
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import run_load
from lab.pressure import cpu_seconds
from lab.stack.description import StackDescription
from lab.stack.ports import free_ports
from lab.stack.program import http_ready

CHARACTERS = 80
READY_SECONDS = 90.0
ARRIVE_SECONDS = 3.0  # after the last emit of a turn
LATE = 1.02  # so much longer than asked the messages of a turn may take to be given


@asynccontextmanager
async def rival_services(broker: str, count: int) -> AsyncIterator[tuple[list[int], list[str]]]:
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
async def listening(urls: Sequence[str], count: int) -> AsyncIterator[list[Listener]]:
    listeners = [Listener(urls[user % len(urls)], user) for user in range(count)]
    try:
        for listener in listeners:
            await listener.start()
        yield listeners
    finally:
        await asyncio.gather(*(listener.stop() for listener in listeners))


def pairs(count: int) -> list[tuple[int, int]]:
    return [(user, user + 1) for user in range(0, count - 1, 2)]


async def rival_turn(plan: RivalPlan, broker: str, pids: list[int], listeners: list[Listener]) -> Turn:
    emitter = Emitter(broker, pairs(plan.sockets), plan.rate, CHARACTERS)
    await emitter.run(1.0)  # its connection is made with the first
    await asyncio.sleep(ARRIVE_SECONDS)
    forget(listeners, emitter)
    began, before = time.monotonic(), cpu_seconds(pids)
    await emitter.run(plan.seconds)
    used, took = cpu_seconds(pids) - before, time.monotonic() - began
    heard = sum(len(one.heard) for one in listeners)
    await asyncio.sleep(ARRIVE_SECONDS)
    delays = [delay for one in listeners for delay in one.delays]
    return Turn(
        "rival",
        len(emitter.emitted),
        heard,
        2 * len(emitter.emitted),
        used,
        median(delays or [0.0]),
        late=fed_in_time(plan.seconds, took),
    )


def fed_in_time(seconds: float, took: float) -> list[str]:
    """What is to be said of a turn whose messages were to be given within so many seconds."""
    if took <= seconds * LATE:
        return []
    return [f"its messages were given within {took:.1f} s, wanted {seconds:g} s"]


def forget(listeners: list[Listener], emitter: Emitter) -> None:
    emitter.emitted.clear()
    for one in listeners:
        one.heard.clear()
        one.delays.clear()


def load_of(plan: RivalPlan, stack: StackDescription, rate: float, seconds: float, **more: Any) -> LoadPlan:
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


async def our_turn(plan: RivalPlan, stack: StackDescription) -> Turn:
    record = await run_load(load_of(plan, stack, plan.rate, plan.seconds))
    if not record.ledger.clean:
        raise LabError(f"bench rival: our ledger is not clean: {record.ledger.examples[:1]}")
    return turn_of(record)


def turn_of(record: RunRecord) -> Turn:
    """What a run says of our side. Raises LabError."""
    used = sum(use.cpu_seconds for use in record.usage if use.kind == "websocket")
    if not used:
        raise LabError("bench rival: the CPU of the services could not be read; the machine is too busy")
    heard = sum(second.receipts or 0 for second in record.seconds)
    delay = record.total.delivery.p50 if record.total.delivery else None
    failed = [f"{guard.name}: {guard.seen}" for guard in record.guards if not guard.ok]
    return Turn("ours", record.total.ok, heard, record.ledger.owed, used, delay or 0.0, failed)


async def fed_turn(plan: RivalPlan, stack: StackDescription, fed: Fed) -> Turn:
    pids = [pid for name, pid in stack.live_pids().items() if name.startswith("websocket-")]
    async with fed.listening():
        await fed.run(1.0, CHARACTERS)
        await asyncio.sleep(ARRIVE_SECONDS)
        fed.forget()
        began, before = time.monotonic(), cpu_seconds(pids)
        await fed.run(plan.seconds, CHARACTERS)
        used, took = cpu_seconds(pids) - before, time.monotonic() - began
        heard = len(fed.delays)
        await asyncio.sleep(ARRIVE_SECONDS)
    late = fed_in_time(plan.seconds, took)
    return Turn("fed", fed.emitted, heard, 2 * fed.emitted, used, median(fed.delays or [0.0]), late)
