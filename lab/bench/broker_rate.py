"""What one hint costs at a given rate, where batches form by themselves as they do in an API process.

The same two processes as in lab.bench.broker, but an open loop: hints come at random times, whatever the
broker does, so that a delay can be told as well. What the arrivals themselves cost is taken off: a third
process has as many and publishes nothing, in the same seconds. Counted alone, before, they are cheaper, since
nobody else empties the caches, and the difference would be called the publisher's.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from lab.bench.broker import PerHint, Server, answer, broker_settings, hints, side, sides, until
from lab.bench.feeding import Gathering
from wire.brokers import publisher_for
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage

SECONDS = 4.0


@dataclass(frozen=True)
class Way:
    """How hints share a message."""

    name: str
    hints_per_message: int
    interval_seconds: float


WAYS = (
    Way("each alone", 1, 0.0),
    Way("together", 64, 0.0),
    Way("together, 5 ms", 64, 0.005),
    Way("together, 20 ms", 64, 0.02),
)


@dataclass(frozen=True)
class RateCell(PerHint):
    """One way at one rate in one round. CPU in seconds; delays in seconds, from handing over to receiving."""

    broker: str
    way: str
    rate: float
    round: int
    hints: int
    received: int
    publishes: int
    arrivals_cpu: float
    publisher_cpu: float  # without arrivals_cpu
    consumer_cpu: float
    broker_cpu: float
    delay_p50: float
    delay_p99: float


async def arrive(
    messages: Sequence[DialogMessage], rate: float, seed: int, put: Callable[[DialogMessage], None]
) -> None:
    """Hand over each at its own random time, and stamp it then."""
    chance = random.Random(seed)
    at = time.monotonic()
    for message in messages:
        at += chance.expovariate(rate)
        if (rest := at - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        message.created_at = time.time()
        put(message)


def _offer(  # noqa: PLR0917 (the arguments of a process)
    pipe: Connection, settings: BrokerSettings, count: int, way: Way, rate: float, seed: int
) -> None:
    import uvloop

    async def main() -> None:
        publisher = publisher_for(settings)
        await publisher.start()
        await until(lambda: publisher.connected)
        made = hints(count + 1)
        await publisher.publish(made[:1])  # whatever is done once only
        gathering = Gathering(publisher, way.interval_seconds)
        publishing = asyncio.create_task(gathering.run())
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        cpu = time.process_time()
        await arrive(made[1:], rate, seed, gathering.put)
        await gathering.flush()
        pipe.send((gathering.publishes, time.process_time() - cpu))
        await asyncio.to_thread(pipe.recv)
        publishing.cancel()
        await publisher.close()

    uvloop.run(main())


def _only_arrive(pipe: Connection, count: int, rate: float, seed: int) -> None:
    import uvloop

    async def main() -> None:
        nowhere: list[DialogMessage] = []
        made = hints(count)
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        cpu = time.process_time()
        await arrive(made, rate, seed, nowhere.append)
        pipe.send(time.process_time() - cpu)
        await asyncio.to_thread(pipe.recv)

    uvloop.run(main())


def measure_at(server: Server, way: Way, rate: float, round_: int) -> RateCell:
    """Offer hints for SECONDS and consume them. Raises LabError when a side does not come up."""
    count = round(rate * SECONDS)
    settings = broker_settings(server, way.hints_per_message)
    with (
        side(_only_arrive, count, rate, -round_) as arrivals,
        sides(settings, count, _offer, way, rate, round_) as (publisher, consumer),
    ):
        before = server.cpu()
        for one in (consumer, publisher, arrivals):
            one.send("go")
        publishes, with_arrivals = answer(publisher, f"{server.name}: publishing does not end", 120)
        arrivals_cpu = answer(arrivals, "the arrivals do not end", 120)
        received, consumer_cpu, p50, p99 = answer(consumer, f"{server.name}: consuming does not end")
        broker_cpu = server.cpu() - before
    return RateCell(
        broker=server.name,
        way=way.name,
        rate=rate,
        round=round_,
        hints=count,
        received=received,
        publishes=publishes,
        arrivals_cpu=arrivals_cpu,
        publisher_cpu=with_arrivals - arrivals_cpu,
        consumer_cpu=consumer_cpu,
        broker_cpu=broker_cpu,
        delay_p50=p50,
        delay_p99=p99,
    )
