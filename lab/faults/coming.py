"""10,000 devices come and go; then what the services hold must go back to where it was."""

import asyncio
import re
import time
from collections.abc import Mapping

from lab.faults.disturbers import Comers
from lab.faults.scene import Scene
from lab.faults.watching import held

# A user's ring is kept for 60 s after its last socket, its binding for another 60 s, looked at every 15 s.
BACK_SECONDS = 60.0 + 75.0 + 45.0
MEMORY_MIB = 12.0  # what caches and the allocator may keep after 10,000 devices
TASKS = 10
BINDING = re.compile(r"(?m)^hints\.\w+\t+hints\.websocket-")  # exchange, queue of a websocket service
Held = Mapping[str, Mapping[str, float]]


async def come_and_go(scene: Scene, count: str) -> None:
    """Returns when all have come and gone and the services have let go of them, or after the time limit."""
    before = await _held(scene)
    comers = Comers(scene.stack, int(count), at_once=32)
    began = time.monotonic()
    await comers.run()
    took = time.monotonic() - began
    after = await _held(scene)
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline and not_back(before, after):
        await asyncio.sleep(3)
        after = await _held(scene)
    scene.notes.append(f"{comers.welcomed} came and went in {took:.0f} s")
    scene.notes += [f"{name}: {_change(before[name], after[name])}" for name in after]
    scene.troubles += not_back(before, after)
    if not all(one.get("bindings", 1) for one in before.values()):
        scene.troubles.append("no binding of a websocket service was found")
    scene.troubles += [f"{count} devices not welcomed: {what}" for what, count in comers.not_welcomed.items()]


async def _held(scene: Scene) -> dict[str, dict[str, float]]:
    found = await held(scene.stack)
    if scene.stack.rabbitmq:
        # Of all together: under compose a queue is named after its service's container, not its process.
        listed = await scene.rabbitmqctl("list_bindings", "source_name", "destination_name")
        found["all services"] = {"bindings": float(len(BINDING.findall(listed)))}
    return found


def not_back(before: Held, after: Held) -> list[str]:
    """What is held now and was not before, in words."""
    room = {"asyncio_tasks": TASKS, "pss_mib": MEMORY_MIB}
    return [
        f"{name} holds {figure} {one[figure]:.0f}, before {before[name][figure]:.0f}"
        for name, one in after.items()
        for figure in one
        if figure != "database_queries" and one[figure] > before[name][figure] + room.get(figure, 0)
    ]


def _change(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    return ", ".join(
        f"{key} {before[key]:.0f} -> {after[key]:.0f}" for key in after if key != "database_queries"
    )
