"""Faults inside a RabbitMQ cluster, each seen to happen: a node that serves somebody, a cut, an alarm."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence

from lab.errors import StackError
from lab.faults.scene import Scene

LIMIT_SECONDS = 40.0  # for what a node must notice; rabbitmqctl alone takes seconds on a full machine
NODE_OF = re.compile(r"<(.+?)@(.+?)\.\d")  # of an Erlang pid: rabbit@localhost.1700000000.812.0
CLIENT = re.compile(r"[\w-]+-(?:consume|publish)\b")  # the connection_name among a client's properties
ALARMS = {  # what raises it, what ends it (rabbitmq/rabbitmq.conf)
    "memory": (
        ("set_vm_memory_high_watermark", "absolute", "1"),
        ("set_vm_memory_high_watermark", "absolute", "256MB"),
    ),
    "disk": (("set_disk_free_limit", "1000000000000000"), ("set_disk_free_limit", "100MB")),
}


async def processes(scene: Scene, who: str) -> Sequence[str]:
    """The names of the processes that an object of a row means."""
    if who.endswith("-node"):
        return [await node(scene, who)]
    return scene.names(who) or [who]


async def node(scene: Scene, who: str) -> str:
    """The RabbitMQ node with most connections of this role; the same one until the row is over.

    Raises StackError when there is none.
    """
    if who not in scene.chosen:
        role = who.removesuffix("-node")
        listed = await scene.rabbitmqctl("list_connections", "pid", "client_properties")
        served = [
            (_process(line), found[0]) for line in listed.splitlines() if (found := CLIENT.search(line))
        ]
        here = Counter(name for name, client in served if client.endswith(f"-{role}"))
        if not here:
            raise StackError(f"no node serves a {role}r")
        chosen = scene.chosen[who] = here.most_common(1)[0][0]
        clients = sorted(client for name, client in served if name == chosen)
        scene.notes.append(f"node {chosen}, which served {', '.join(clients)}")
    return scene.chosen[who]


def _process(line: str) -> str:
    """The name of the process behind a connection's pid: by host under compose, by node name on one host."""
    found = NODE_OF.search(line)
    if found is None:
        return ""
    name, host = found.groups()
    return name if host == "localhost" else host


async def cut_off(scene: Scene, who: str) -> None:
    """A node no longer reaches the others: wrong cookies for them, so that it cannot come back by itself.

    Returns when it has paused itself. Raises StackError when it does not.
    """
    cut = await node(scene, who)
    began = time.monotonic()
    words = ", ".join(
        f"erlang:set_cookie('{other}@localhost', away), erlang:disconnect_node('{other}@localhost')"
        for other in scene.names("rabbitmq")
        if other != cut
    )
    await scene.rabbitmqctl("eval", f"{words}.", node=cut)
    if not await _becomes(scene, "rabbit:is_running()", "false", cut):
        raise StackError(f"{cut} did not pause")
    scene.notes.append(f"it paused itself within {time.monotonic() - began:.1f} s")


async def join(scene: Scene, who: str) -> None:
    """The node may come back; returns when it runs again."""
    cut = await node(scene, who)
    began = time.monotonic()
    words = ", ".join(
        f"erlang:set_cookie('{other}@localhost', erlang:get_cookie())"
        for other in scene.names("rabbitmq")
        if other != cut
    )
    await scene.rabbitmqctl("eval", f"{words}.", node=cut)
    if await _becomes(scene, "rabbit:is_running()", "true", cut):
        scene.notes.append(f"back in the cluster {time.monotonic() - began:.1f} s after it was let")
    else:
        scene.troubles.append(f"{cut} did not come back")


async def alarm(scene: Scene, resource: str) -> None:
    """The node blocks its publishers; returns when it says so. Raises StackError when it does not."""
    await scene.rabbitmqctl(*ALARMS[resource][0])
    if not await _becomes(scene, "rabbit_alarm:get_alarms() =/= []", "true", "rabbit"):
        raise StackError(f"no {resource} alarm was raised")


async def end_alarm(scene: Scene, resource: str) -> None:
    """Publishers may go on; returns when the alarm is over."""
    await scene.rabbitmqctl(*ALARMS[resource][1])
    if not await _becomes(scene, "rabbit_alarm:get_alarms() =/= []", "false", "rabbit"):
        scene.troubles.append(f"the {resource} alarm did not end")


async def _becomes(scene: Scene, expression: str, value: str, node: str) -> bool:
    """Whether an Erlang expression has this value on the node, now or within the time limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while (await scene.rabbitmqctl("eval", f"{expression}.", node=node)).strip() != value:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.5)
    return True
