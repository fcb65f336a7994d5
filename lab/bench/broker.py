"""What one hint costs on each broker: CPU of publisher, consumer and broker, one by one and in batches.

Publisher and consumer are processes of their own, as in the stack; a few publishes are always under way,
as in a backend under load. Only CPU is reported: a closed loop says nothing about latency.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from lab.errors import LabError
from lab.pressure import cpu_seconds
from lab.stack import postgres
from lab.stack.nats import plan_nats
from lab.stack.ports import free_ports
from lab.stack.program import Program
from lab.stack.rabbitmq import plan_rabbitmq
from lab.stack.redis import plan_redis
from lab.stack.supervision import Supervision
from wire.brokers import consumer_for, publisher_for
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage, dialog_id_of

USERS = 200
CONTENT = "x" * 80
UNDER_WAY = 16  # publishes at the same time
CONNECT_SECONDS = 20.0
QUIET_SECONDS = 5.0  # without a hint: what is missing by then was lost
BROKERS = ("postgres", "rabbitmq", "nats", "redis")
BATCHES = (1, 10, 64)


class PerHint:
    """What a cell says of one hint."""

    hints: int
    received: int

    def per_hint(self, side: str) -> float:
        """CPU seconds for one hint: of the side publisher, consumer or broker."""
        count = self.received if side == "consumer" else self.hints
        return float(getattr(self, f"{side}_cpu")) / max(1, count)


@dataclass(frozen=True)
class Cell(PerHint):
    """One broker with one size of batch in one round. CPU is in seconds."""

    broker: str
    batch: int
    confirm: bool
    round: int
    hints: int
    received: int
    seconds: float
    publisher_cpu: float
    consumer_cpu: float
    broker_cpu: float


def hints(count: int) -> list[DialogMessage]:
    """Messages of a hundred dialogs by turns."""
    now = time.time()
    return [
        DialogMessage(
            dialog_id_of(1 + number % 100, 101 + number % 100),
            1 + number // 100,
            uuid4(),
            1 + number % 100,
            101 + number % 100,
            CONTENT,
            now,
        )
        for number in range(count)
    ]


# --- the two sides, each in a process


def _publish(pipe: Connection, settings: BrokerSettings, count: int, batch: int) -> None:
    import uvloop

    async def main() -> None:
        publisher = publisher_for(settings)
        await publisher.start()
        await until(lambda: publisher.connected)
        made = hints(count)
        batches = iter([made[at : at + batch] for at in range(0, count, batch)])
        await publisher.publish(made[:1])  # whatever is done once only
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        began, cpu = time.monotonic(), time.process_time()

        async def work() -> None:
            for one in batches:
                await publisher.publish(one)

        await asyncio.gather(*(work() for _ in range(UNDER_WAY)))
        pipe.send((time.monotonic() - began, time.process_time() - cpu))
        await asyncio.to_thread(pipe.recv)  # PostgreSQL's process for us is still to be read
        await publisher.close()

    uvloop.run(main())


def consume(pipe: Connection, settings: BrokerSettings, count: int) -> None:
    """Take `count` hints; answer with how many came, CPU seconds, p50 and p99 of the delays in seconds."""
    import uvloop

    async def main() -> None:
        delays: list[float] = []
        last = time.monotonic()
        all_there = asyncio.Event()

        def on_hints(some: Sequence[DialogMessage]) -> None:
            nonlocal last
            last, now = time.monotonic(), time.time()
            delays.extend(now - hint.created_at for hint in some)
            if len(delays) > count:  # one came before the start
                all_there.set()

        async def on_generation(_generation: int) -> None: ...

        consumer = consumer_for(settings)
        await consumer.start(on_hints, on_generation)
        await until(lambda: consumer.connected)
        for user in range(1, USERS + 1):
            await consumer.bind(user)
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        cpu, last = time.process_time(), time.monotonic()
        while not all_there.is_set() and time.monotonic() - last < QUIET_SECONDS:
            try:
                async with asyncio.timeout(0.25):
                    await all_there.wait()
            except TimeoutError:
                pass
        cpu = time.process_time() - cpu
        of_all = sorted(delays[1:]) or [0.0]
        p50, p99 = (of_all[int(part * (len(of_all) - 1))] for part in (0.5, 0.99))
        pipe.send((len(delays) - 1, cpu, p50, p99))
        await asyncio.to_thread(pipe.recv)
        await consumer.close()

    uvloop.run(main())


async def until(condition: Any) -> None:
    """Wait for it. Raises TimeoutError."""
    async with asyncio.timeout(CONNECT_SECONDS):
        while not condition():  # noqa: ASYNC110  # the protocol tells no event
            await asyncio.sleep(0.01)


# --- the servers


@dataclass(frozen=True)
class Server:
    """A broker that runs, and what its clients need to know."""

    name: str
    settings: Mapping[str, Any]
    supervision: Supervision
    programs: Sequence[str]

    def cpu(self) -> float:
        """CPU seconds so far of all its processes."""
        pids = self.supervision.pids()
        mine = [pids[name] for name in self.programs]
        children = [child.pid for pid in mine for child in psutil.Process(pid).children(recursive=True)]
        return sum(cpu_seconds([pid]) for pid in [*mine, *children])


def start(name: str, home: Path, stack: ExitStack) -> Server:
    """Start a broker of this name in a folder; it ends with the exit stack. Raises StackError."""
    home.mkdir(mode=0o711)
    programs, settings = _planned(name, home)
    supervision = Supervision(home)
    stack.callback(supervision.stop)
    supervision.start(programs, lambda _line: None, tethered=True)
    return Server(name, settings, supervision, [one.name for one in programs if one.name != "epmd"])


def _planned(name: str, home: Path) -> tuple[list[Program], dict[str, Any]]:
    if name == "postgres":
        folder = home / "postgres"
        folder.mkdir(mode=0o711)
        [port] = free_ports(1)
        database = postgres.make_data_folder(folder, port)
        return [postgres.program(database, folder, {})], {"postgres_dsn": database.dsn}
    if name == "rabbitmq":
        programs, made = plan_rabbitmq(home, 1)
        keys = {"rabbitmq_user": made["user"], "rabbitmq_password": made["password"]}
        return programs, {"rabbitmq_hosts": (made["host"],), **keys}
    if name == "nats":
        programs, made = plan_nats(home)
        return programs, {"nats_url": made["url"]}
    programs, made = plan_redis(home)
    return programs, {"redis_url": made["url"]}


# --- one measurement


def broker_settings(server: Server, hints_per_message: int, confirm: bool = True) -> BrokerSettings:
    """How publisher and consumer reach a server."""
    return BrokerSettings(
        broker=server.name,  # type: ignore[arg-type]  # one of BROKERS
        confirm=confirm,
        hints_per_message=hints_per_message,
        publish_timeout_seconds=30.0,  # a full machine must not end a benchmark
        **server.settings,
    )


@contextmanager
def side(target: Callable[..., None], *args: object) -> Iterator[Connection]:
    """A pipe to a process that runs target(pipe, *args) and is ready. Raises LabError."""
    context = multiprocessing.get_context("spawn")
    pipe, end = context.Pipe()
    process = context.Process(target=target, args=(end, *args), daemon=True)
    process.start()
    try:
        answer(pipe, "a side of the benchmark does not come up")
        yield pipe
        pipe.send("end")
    finally:
        process.join(5)
        process.kill()


@contextmanager
def sides(
    settings: BrokerSettings, count: int, offer: Callable[..., None], *args: object
) -> Iterator[tuple[Connection, Connection]]:
    """Pipes to a publisher, `offer(pipe, settings, count, *args)`, and a consumer; both ready.

    Raises LabError.
    """
    with (
        side(consume, settings, count) as consumer,
        side(offer, settings, count, *args) as publisher,  # after the consumer has bound
    ):
        yield publisher, consumer


def measure(server: Server, batch: int, confirm: bool, round_: int, count: int) -> Cell:
    """Publish `count` hints in batches and consume them. Raises LabError when a side does not come up."""
    settings = broker_settings(server, batch, confirm)
    with sides(settings, count, _publish, batch) as (publisher, consumer):
        before = server.cpu()
        consumer.send("go")
        publisher.send("go")
        seconds, publisher_cpu = answer(publisher, f"{server.name}: publishing does not end", 300)
        received, consumer_cpu, _, _ = answer(consumer, f"{server.name}: consuming does not end", 60)
        broker_cpu = server.cpu() - before
    return Cell(
        broker=server.name,
        batch=batch,
        confirm=confirm,
        round=round_,
        hints=count,
        received=received,
        seconds=seconds,
        publisher_cpu=publisher_cpu,
        consumer_cpu=consumer_cpu,
        broker_cpu=broker_cpu,
    )


def answer(pipe: Connection, trouble: str, seconds: float = 60) -> Any:
    """What a side sends. Raises LabError when nothing comes, or its process has ended."""
    if not pipe.poll(seconds):
        raise LabError(f"{trouble} within {seconds:g} s")
    try:
        return pipe.recv()
    except EOFError:
        raise LabError(f"{trouble}: its process ended") from None
