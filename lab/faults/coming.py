"""10,000 devices come and go; then what the services hold must go back to where it was.

The first devices make a service import, cache and enlarge what it keeps for good. So 5,000 come before, and
memory is compared with what those left behind.
"""

import asyncio
import re
import time
from collections.abc import Mapping

from lab.faults.disturbers import Comers
from lab.faults.scene import Scene
from lab.faults.watching import held

# A user's ring is kept for 60 s after its last socket, its binding for another 60 s, looked at every 15 s.
BACK_SECONDS = 60.0 + 75.0 + 45.0
COMERS_PER_SECOND = 500  # at most: the proxy takes 10,000 connections of one address in 10 s
MEMORY_MIB = 3.0  # between two looks at a service under load; a leak of 320 bytes a device is more
TASKS = 10
BINDING = re.compile(r"(?m)^hints\.\w+\t+hints\.websocket-")  # exchange, queue of a websocket service
Held = Mapping[str, Mapping[str, float]]


async def come_and_go(scene: Scene, count: str) -> None:
    """Returns when all have come and gone and the services have let go of them, or after the time limit."""
    start = await _held(scene)
    warm = await _round(scene, int(count) // 2, any_memory(start))
    before = {name: {**one, **_memory(warm[name])} for name, one in start.items()}
    after = await _round(scene, int(count), before)
    scene.notes += [f"{name}: {_change(before[name], after[name])}" for name in after]
    scene.troubles += not_back(before, after)
    if not all(one.get("bindings", 1) for one in start.values()):
        scene.troubles.append("no binding of a websocket service was found")


async def _round(scene: Scene, count: int, before: Held) -> dict[str, dict[str, float]]:
    """So many come and go; what is held when that is back to `before`, or after the time limit."""
    comers = Comers(scene.stack, count, at_once=32, per_second=COMERS_PER_SECOND)
    began = time.monotonic()
    await comers.run()
    scene.notes.append(f"{comers.welcomed} came and went in {time.monotonic() - began:.0f} s")
    scene.troubles += [f"{times} devices not welcomed: {what}" for what, times in comers.not_welcomed.items()]
    deadline = time.monotonic() + BACK_SECONDS
    after = await _held(scene)
    while time.monotonic() < deadline and not_back(before, after):
        await asyncio.sleep(3)
        after = await _held(scene)
    return after


async def _held(scene: Scene) -> dict[str, dict[str, float]]:
    found = await held(scene.stack)
    if scene.stack.rabbitmq:
        # Of all together: under compose a queue is named after its service's container, not its process.
        listed = await scene.rabbitmqctl("list_bindings", "source_name", "destination_name")
        found["all services"] = {"bindings": float(len(BINDING.findall(listed)))}
    return found


def any_memory(start: Held) -> Held:
    """The same, but whatever memory comes to be held was held before."""
    return {name: {**one, **dict.fromkeys(_memory(one), float("inf"))} for name, one in start.items()}


def _memory(one: Mapping[str, float]) -> dict[str, float]:
    return {figure: value for figure, value in one.items() if figure == "pss_mib"}


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
