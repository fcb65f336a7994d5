"""Both sides at once over a restart of the broker: what each accepted, lost, and whether it works again."""

import asyncio
import time

from lab.bench.rival.clients import Emitter, Listener
from lab.bench.rival.result import Restart, RivalPlan
from lab.bench.rival.turns import ARRIVE_SECONDS, CHARACTERS, forget, load_of, pairs
from lab.load.run import run_load
from lab.stack.description import StackDescription
from lab.stack.host import restart

CALM_SECONDS, AFTER_SECONDS = 10.0, 50.0  # before and after the broker is restarted
LAST_SECONDS = 10.0  # is it working again by then?


async def over_a_restart(
    plan: RivalPlan, stack: StackDescription, broker: str, listeners: list[Listener]
) -> tuple[list[Restart], float]:
    rate, seconds = plan.rate / 4, CALM_SECONDS + AFTER_SECONDS
    emitter = Emitter(broker, pairs(plan.sockets), rate, CHARACTERS)
    await emitter.run(1.0)
    await asyncio.sleep(ARRIVE_SECONDS)
    forget(listeners, emitter)
    load = asyncio.create_task(run_load(load_of(plan, stack, rate, seconds, timeout=2.0, retries=60)))
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
