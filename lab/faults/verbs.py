"""What the words of a row do: each verb is a function of the scene and its objects.

An object is a process (`backend-1`), a kind (`rabbitmq`: all its nodes), `consume-node` or `publish-node`, or
the name of a link (`backend-broker`).
"""

from collections.abc import Awaitable, Callable, Mapping

import asyncpg
from websockets.exceptions import WebSocketException

from lab.errors import LabError
from lab.faults import brokers
from lab.faults.coming import come_and_go
from lab.faults.disturbers import HintCopier
from lab.faults.scene import Scene
from lab.faults.stopped import StoppedReaders
from lab.faults.watching import counted

Verb = Callable[..., Awaitable[object]]
SLOW = 'socket_closes_total{code="4002"}'
DELAY_SECONDS = 0.4  # far longer than from one message of a dialog to the next, far below the confirm timeout
FAILS = (LabError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, WebSocketException)


async def act(scene: Scene, words: str) -> None:
    """Do what a row's `begin` or `mend` says; nothing when it says nothing. Raises LabError."""
    if words:
        verb, *objects = words.split()
        await VERBS[verb](scene, *objects)


async def attempt(scene: Scene, words: str) -> bool:
    """`act`, where a failure is a trouble of the row: the load goes on, and the ledger is looked at.

    Whether it could be done.
    """
    try:
        await act(scene, words)
    except FAILS as error:
        scene.troubles.append(f"{words}: {str(error) or type(error).__name__}")
        return False
    return True


async def kill(scene: Scene, who: str) -> None:
    await scene.kill(*await brokers.processes(scene, who))


async def freeze(scene: Scene, who: str) -> None:
    await scene.freeze(*await brokers.processes(scene, who))


async def thaw(scene: Scene, who: str) -> None:
    await scene.thaw(*await brokers.processes(scene, who))


async def restart(scene: Scene, who: str) -> None:
    await scene.restart(who)


async def reload(scene: Scene, _who: str) -> None:
    await scene.reload_haproxy()


async def reset(scene: Scene, *links: str) -> None:
    for link in links:
        scene.reset(link)


async def stall(scene: Scene, link: str) -> None:
    scene.stall(link)


async def half_open(scene: Scene, link: str) -> None:
    scene.half_open(link)


async def heal(scene: Scene) -> None:
    scene.links.heal()


async def copy_hints(scene: Scene) -> None:
    copier = HintCopier(scene.stack)
    expect_hints(scene, "duplicate", await counted(scene.stack, hints("duplicate")))
    await copier.start()

    async def end() -> None:
        await copier.stop()
        scene.notes.append(f"{copier.copied} hints copied")
        if not copier.copied:
            scene.troubles.append("no hint was copied")

    scene.ending.append(end)


async def delay_half(scene: Scene, link: str) -> None:
    """One publisher of two is late: what both say of one dialog comes in another order."""
    expect_hints(scene, "reordered", await counted(scene.stack, hints("reordered")))
    scene.delay_half(link, DELAY_SECONDS)

    async def end() -> None:
        scene.links.heal()

    scene.ending.append(end)


def hints(kind: str) -> str:
    """The services' counter of hints that were `duplicate`, `reordered` ..."""
    return f'hints_total{{kind="{kind}"}}'


def expect_hints(scene: Scene, kind: str, before: float) -> None:
    """At the end the services must have met some of this kind."""

    async def end() -> None:
        met = await counted(scene.stack, hints(kind)) - before
        scene.notes.append(f"{met:.0f} hints {kind} by the services' own count")
        if not met:
            scene.troubles.append(f"no hint was {kind}")

    scene.ending.append(end)


async def stop_reading(scene: Scene, count: str) -> None:
    readers = StoppedReaders(scene.stack, int(count))
    before = await counted(scene.stack, SLOW)
    await readers.start()

    async def end() -> None:
        await readers.come_back()
        slow = await counted(scene.stack, SLOW) - before
        scene.notes += [readers.told(), f"4002 by the services' own count: {slow:.0f}"]
        scene.troubles.extend(readers.troubles())

    scene.ending.append(end)


async def end_disturbers(scene: Scene) -> None:
    """Those that begin had started say what they saw."""
    while scene.ending:
        await scene.ending.pop()()


async def calm(scene: Scene, mend: str) -> None:
    """Whatever happened: mend, and wait until everything runs, so that the next row starts whole."""
    await attempt(scene, "end")
    await attempt(scene, mend)
    scene.links.heal()
    await scene.everything_runs()
    scene.chosen.clear()


VERBS: Mapping[str, Verb] = {
    "kill": kill,
    "freeze": freeze,
    "thaw": thaw,
    "restart": restart,
    "reload": reload,
    "reset": reset,
    "stall": stall,
    "half-open": half_open,
    "heal": heal,
    "cut-off": brokers.cut_off,
    "join": brokers.join,
    "alarm": brokers.alarm,
    "end-alarm": brokers.end_alarm,
    "copy-hints": copy_hints,
    "delay-half": delay_half,
    "stop-reading": stop_reading,
    "end": end_disturbers,
    "come-and-go": come_and_go,
}
