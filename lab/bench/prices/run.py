"""The run: each way's stack is started, loaded at the same rate and stopped, in another order each round."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lab.bench.prices.ways import GROUPS, Way, stacks
from lab.commands.demo import people
from lab.errors import LabError
from lab.faults.watching import counted
from lab.load.fingerprint import machine
from lab.load.plan import LoadPlan
from lab.load.record import OWN_KINDS, Machine, RunRecord, Usage
from lab.load.run import run_load
from lab.pressure import between, moment
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request

API = 2  # processes; 1 in run mode single
# Clients of PostgreSQL and its own work are listed one by one; here they are one server.
KINDS = ("backend", "websocket", "single", "haproxy", "rabbitmq", "postgres")


class Turn(msgspec.Struct, frozen=True):
    """Some seconds of load on one way. Times are seconds, CPU is milliseconds per 1,000 messages."""

    way: str
    round: int
    messages: int
    cpu_ms: dict[str, float]  # by kind of process; the lab's own are left out
    answer_p50: float
    answer_p99: float
    delivery_p50: float
    delivery_p99: float
    invalid: list[str]  # why its figures do not count
    hints_a_publish: float = 0.0  # 0: was not counted

    @property
    def total_ms(self) -> float:
        return sum(self.cpu_ms.values())


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    format: str = "fastapi-performance-lab/prices"
    command: str
    started_at: float
    rounds: int
    rate: float
    seconds: float
    sockets: int
    groups: tuple[str, ...] = tuple(GROUPS)
    turns: list[Turn]
    machine: Machine
    waited: float | None

    def of(self, way: Way) -> list[Turn]:
        """Its turns that count, by round."""
        return [turn for turn in self.turns if turn.way == way.key and not turn.invalid]

    def ratios(self, way: Way, to: Way, figure: Callable[[Turn], float]) -> list[float]:
        """Of the rounds in which both count."""
        base = {turn.round: figure(turn) for turn in self.of(to)}
        return [figure(turn) / base[turn.round] for turn in self.of(way) if turn.round in base]


class PricesPlan(msgspec.Struct, frozen=True):
    """How much of what."""

    rounds: int
    seconds: float
    rate: float
    sockets: int
    seed: int
    home: Path
    command: str
    groups: tuple[str, ...] = tuple(GROUPS)


def bench(plan: PricesPlan, tell: Callable[[str], None]) -> Prices:
    """Start, measure and stop every stack. Raises LabError when a ledger is not clean."""
    started, pressed = time.time(), moment()
    chance = random.Random(plan.seed)
    turns: list[Turn] = []
    every = stacks(plan.groups)
    for number in range(1, plan.rounds + 1):
        for count, name in enumerate(chance.sample(sorted(every), len(every)), 1):
            ways = chance.sample(every[name], len(every[name]))
            request = Request(
                plan.home,
                mode=ways[0].mode,
                api=API,
                websockets=ways[0].websockets,
                levers=ways[0].settings,
            )
            with running(request) as stack:
                people(stack, plan.sockets, plan.seed)
                for way in ways:
                    turns.append(asyncio.run(_turn(plan, way, stack, number)))
                    tell(_line(turns[-1], f"round {number}/{plan.rounds}, stack {count}/{len(every)}"))
    return Prices(
        command=plan.command,
        started_at=started,
        rounds=plan.rounds,
        rate=plan.rate,
        seconds=plan.seconds,
        sockets=plan.sockets,
        groups=plan.groups,
        turns=turns,
        machine=machine(plan.home.parent),
        waited=between(pressed, moment()).waited,
    )


async def _hints(stack: StackDescription) -> tuple[float, float]:
    """(hints that the broker took, publishes) so far, of all API processes."""
    names = ("hints_published_total", "hints_batch_size_count")
    counts = [[await counted(stack, name, kind) for kind in ("backend", "single")] for name in names]
    return sum(counts[0]), sum(counts[1])


async def _turn(plan: PricesPlan, way: Way, stack: StackDescription, number: int) -> Turn:
    before = await _hints(stack)
    record = await run_load(
        LoadPlan(
            stack=stack,
            rate=plan.rate,
            duration=plan.seconds,
            seed=plan.seed + number,
            sockets=plan.sockets,
            dialogs=plan.sockets // 2,
            proxy=way.proxy,
            command=plan.command,
        )
    )
    if not record.ledger.clean:
        raise LabError(f"bench prices: the ledger of '{way.key}' is not clean: {record.ledger.examples[:1]}")
    hints, publishes = (now - then for now, then in zip(await _hints(stack), before, strict=True))
    return turn_of(way, number, record, hints / max(1.0, publishes))


def turn_of(way: Way, number: int, record: RunRecord, hints_a_publish: float = 0.0) -> Turn:
    """What a run says of a way."""
    total, delivery = record.total, record.total.delivery
    return Turn(
        way.key,
        number,
        total.ok,
        cpu_by_kind(record.usage, total.ok),
        total.intended.p50 or 0.0,
        total.intended.p99 or 0.0,
        (delivery and delivery.p50) or 0.0,
        (delivery and delivery.p99) or 0.0,
        [guard.name for guard in record.guards if not guard.ok],
        hints_a_publish,
    )


def cpu_by_kind(usage: list[Usage], messages: int) -> dict[str, float]:
    """ms per 1,000 messages of each kind of process that used any; that of epmd is RabbitMQ's."""
    cpu = dict.fromkeys(KINDS, 0.0)
    for use in usage:
        if use.kind not in OWN_KINDS:
            kind = "rabbitmq" if use.kind == "epmd" else use.kind
            cpu[kind] = cpu.get(kind, 0.0) + use.cpu_seconds / max(1, messages) * 1e6
    return {kind: ms for kind, ms in cpu.items() if ms}


def _line(turn: Turn, where: str) -> str:
    words = f", does not count: {', '.join(turn.invalid)}" if turn.invalid else ""
    return (
        f"{where}: {turn.way}: {turn.total_ms:.0f} ms of CPU per 1,000 messages, delivery p50"
        f" {turn.delivery_p50 * 1000:.1f} ms, p99 {turn.delivery_p99 * 1000:.1f} ms{words}"
    )
