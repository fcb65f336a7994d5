"""Every hint to every websocket service.

The mistake: a fanout exchange, because it is the first one in the tutorial. Each websocket service gets
each event and throws away what is for users who sit elsewhere.

The harm: with N services the broker sends N copies, and N - 1 services decode and drop each. Adding a
service adds work instead of taking some: the system stops to scale at its receivers.

The cure: let the broker cull. Users are partitioned, a service binds the partitions it has users of, and
gets those (ROUTING=partition).
"""

import asyncio
from pathlib import Path

from lab.drills.drill import Shown, Tell
from lab.experiments.counting import Counters, counted, since
from lab.experiments.rig import fill
from lab.load.plan import LoadPlan
from lab.load.record import RunRecord
from lab.load.run import run_load
from lab.stack.host import running
from lab.stack.modes import Request

SERVICES, RATE, SECONDS = 4, 80.0, 5.0


def show(tell: Tell, folder: Path) -> Shown:
    """The same load on two stacks of four websocket services."""
    harm, harmed = _run("fanout", tell, folder / "f")
    cure, cured = _run("partition", tell, folder / "p")
    return Shown(
        "hints received for each one wanted",
        "",
        harm.ratios().get("received_per_wanted", 0.0),
        cure.ratios().get("received_per_wanted", 0.0),
        [
            ("hints thrown away", f"{harm.hints_unwanted:,.0f}", f"{cure.hints_unwanted:,.0f}"),
            (
                "CPU of the websocket services for 1,000 messages",
                f"{_cpu(harmed):.0f} ms",
                f"{_cpu(cured):.0f} ms",
            ),
        ],
    )


def _run(routing: str, tell: Tell, home: Path) -> tuple[Counters, RunRecord]:
    tell(f"starting {SERVICES} websocket services with ROUTING={routing} ...")
    levers = {"ROUTING": routing, "HOP_TIMES": "off"}
    with running(Request(home, api=1, websockets=SERVICES, levers=levers)) as stack:
        urls = [
            one.health.replace("/health", "/metrics")
            for one in stack.processes
            if one.kind == "websocket" and one.health
        ]
        fill(stack, users=200, messages=2_000, number=1)
        before = counted(urls)
        tell(f"{RATE:g} sends per second for {SECONDS:g} s to 40 listening users ...")
        record = asyncio.run(
            run_load(LoadPlan(stack, rate=RATE, duration=SECONDS, warm_up=1.0, sockets=40, dialogs=20))
        )
        return since(before, counted(urls)), record


def _cpu(record: RunRecord) -> float:
    spent = sum(one.cpu_seconds for one in record.usage if one.kind == "websocket")
    return 1_000_000 * spent / record.total.ok
