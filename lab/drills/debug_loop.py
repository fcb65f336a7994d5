"""asyncio's debug mode, left on after a search for a bug.

The mistake: PYTHONASYNCIODEBUG=1, or loop.set_debug(True), in an environment file that nobody reads again.
Everything works. Each task and each handle keeps a traceback, and every callback is timed.

The harm: two to three times the CPU a request. No error, no log line at a quiet level; the service is just
slow, and gets more machines.

The cure: read the loop in use from the running process (/health says `event_loop`), not from the setting;
make a debug loop a value that has to be asked for.
"""

import asyncio
from pathlib import Path

from lab.drills.drill import Shown, Tell
from lab.experiments.rig import fill
from lab.load.plan import LoadPlan, Targets
from lab.load.record import RunRecord
from lab.load.run import run_load
from lab.stack.host import running
from lab.stack.modes import Request

RATE, SECONDS = 100.0, 6.0


def show(tell: Tell, folder: Path) -> Shown:
    """Two API processes side by side on one database, one of them with the debug loop; same arrivals."""
    own = {"backend-1": {"EVENT_LOOP": "asyncio_debug"}, "backend-2": {"EVENT_LOOP": "uvloop"}}
    tell("starting two API processes, one with asyncio's debug mode ...")
    request = Request(folder / "s", api=2, websockets=1, levers={"HOP_TIMES": "off"}, own_levers=own)
    with running(request) as stack:
        fill(stack, users=200, messages=2_000, number=1)
        tell(f"{RATE:g} sends per second for {SECONDS:g} s, each to one of the two at random ...")
        harmed, cured = (Targets((api,), tuple(stack.websockets)) for api in stack.api)
        plan = LoadPlan(
            stack,
            rate=RATE,
            duration=SECONDS,
            warm_up=1.0,
            sides={"harm": harmed, "cure": cured},
            sockets=50,
            dialogs=50,
        )
        record = asyncio.run(run_load(plan))
    harm, cure = (record.sides[side] for side in ("harm", "cure"))
    return Shown(
        "CPU a request",
        "ms",
        _cpu(record, "backend-1") / harm.ok,
        _cpu(record, "backend-2") / cure.ok,
        [
            ("p50", f"{1000 * (harm.intended.p50 or 0):.1f} ms", f"{1000 * (cure.intended.p50 or 0):.1f} ms"),
            ("errors", str(harm.sent - harm.ok), str(cure.sent - cure.ok)),
        ],
    )


def _cpu(record: RunRecord, name: str) -> float:
    return 1000 * next(one.cpu_seconds for one in record.usage if one.name == name)
