"""The run: a stack, two of the rival's services on the same RabbitMQ, turns, and a broker restart."""

import asyncio
import logging
import time
from collections.abc import Callable

from lab.bench.rival.fed import feeding
from lab.bench.rival.restart import over_a_restart
from lab.bench.rival.result import SIDES, Rival, RivalPlan, Turn
from lab.bench.rival.turns import fed_turn, listening, our_turn, rival_services, rival_turn
from lab.commands.demo import people
from lab.load.fingerprint import machine
from lab.pressure import between, moment
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request


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
        rival_services(broker, plan.services) as (pids, urls),
        feeding(stack, plan.sockets, plan.rate, plan.publish_interval_seconds) as fed,
    ):
        async with listening(urls, plan.sockets) as listeners:
            for number in range(plan.rounds):
                for side in SIDES[:: 1 if number % 2 else -1]:
                    if side == "ours":
                        turns.append(await our_turn(plan, stack))
                    elif side == "fed":
                        turns.append(await fed_turn(plan, stack, fed))
                    else:
                        turns.append(await rival_turn(plan, broker, pids, listeners))
                    why = "; ".join(turns[-1].failed)
                    late = "; ".join(turns[-1].late)
                    tell(
                        f"{side}: {turns[-1].per_cpu_second:,.0f} deliveries per CPU-second"
                        f"{f', does not count: {why}' if why else ''}{f', late: {late}' if late else ''}"
                    )
            waited = between(pressed, moment()).waited
            tell("RabbitMQ is restarted under both")
            restarts, took = await over_a_restart(plan, stack, broker, listeners)
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
