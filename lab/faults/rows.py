"""The failure table: what is broken, for how long, and what sender and recipient may notice of it.

Bounds are those of docs/delivery.md; `late_seconds` is how late a message may be after it was meant to
be sent. A row asserts its bounds, and always: nothing lost, nothing twice, nothing out of order.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.faults.disturbers import Comers, HintCopier, StoppedReaders
from lab.faults.scene import Scene
from lab.faults.watching import held

RING_SECONDS = 60.0  # a user without a socket is kept for so long
MEMORY_MIB = 12.0  # what caches and the allocator may keep after 10,000 devices
SWEEP_SECONDS = 36.0  # the sweep comes every 30 s +- 20 %
Action = Callable[[Scene], Awaitable[object]]


async def nothing(_scene: Scene) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault. `mend` follows `lasts_seconds` after `begin`; what the supervisor restarts needs none."""

    name: str
    what: str
    sender: str  # expected, in words
    recipient: str
    begin: Action
    mend: Action = nothing
    lasts_seconds: float = 0.0
    late_seconds: float = SWEEP_SECONDS
    sends_may_fail: bool = False  # also after the retries of the client
    sends_may_wait: bool = True  # False: no send may be slower than the client's own time limit
    sockets_may_close: bool = True
    watch_seconds: float = 12.0  # load goes on for so long after the mending
    needs: tuple[str, ...] = ()  # rabbitmq, haproxy
    nodes: int = 1  # RabbitMQ nodes that the row needs
    transactions_factor: float | None = None  # the database may do so many times its usual number
    quick: bool = False  # part of the short lane
    mix: str = "send"
    content_characters: int = 80


def kill(kind: str, number: int = 0) -> Action:
    async def action(scene: Scene) -> None:
        await scene.kill(scene.names(kind)[number])

    return action


def freeze(kind: str, number: int = 0) -> Action:
    async def action(scene: Scene) -> None:
        await scene.freeze(scene.names(kind)[number])

    return action


def thaw(kind: str, number: int = 0) -> Action:
    async def action(scene: Scene) -> None:
        await scene.thaw(scene.names(kind)[number])

    return action


def restart(kind: str, number: int = 0) -> Action:
    async def action(scene: Scene) -> None:
        await scene.restart(scene.names(kind)[number])

    return action


def all_of(kind: str) -> Action:
    async def action(scene: Scene) -> None:
        await scene.kill(*scene.names(kind))

    return action


def link(how: str, *names: str) -> Action:
    async def action(scene: Scene) -> None:
        for name in names:
            getattr(scene, how)(name)

    return action


async def heal_links(scene: Scene) -> None:
    scene.links.heal()


async def memory_alarm(scene: Scene) -> None:
    await scene.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1")


async def end_of_alarm(scene: Scene) -> None:
    await scene.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "256MB")


async def cut_off_last_node(scene: Scene) -> None:
    """The last node no longer reaches the others: wrong cookie for them, so that it cannot reconnect."""
    last = scene.names("rabbitmq")[-1]
    for other in scene.names("rabbitmq")[:-1]:
        atom = f"'{other}@localhost'"
        await scene.rabbitmqctl(
            "eval", f"erlang:set_cookie({atom}, away), erlang:disconnect_node({atom}).", node=last
        )


async def join_last_node(scene: Scene) -> None:
    last = scene.names("rabbitmq")[-1]
    for other in scene.names("rabbitmq")[:-1]:
        await scene.rabbitmqctl(
            "eval", f"erlang:set_cookie('{other}@localhost', erlang:get_cookie()).", node=last
        )


async def reload_haproxy(scene: Scene) -> None:
    await scene.reload_haproxy()


async def copy_hints(scene: Scene) -> None:
    copier = HintCopier(scene.stack)
    await copier.start()
    scene.ending.append(copier.stop)
    scene.notes.append(lambda: f"{copier.copied} hints copied")


async def stop_reading(scene: Scene) -> None:
    readers = StoppedReaders(scene.stack, 20)
    await readers.start()
    scene.ending.append(readers.stop)
    scene.notes.append(
        lambda: "closed: " + ", ".join(f"{n} x {c or 'still open'}" for c, n in readers.codes.items())
    )


async def ten_thousand(scene: Scene) -> None:
    """10,000 devices come and go; then what the services hold must go back to where it was."""
    before = await held(scene.stack)
    comers = Comers(scene.stack, 10_000, at_once=32)
    began = time.monotonic()
    await comers.run()
    took = time.monotonic() - began
    after = await held(scene.stack)
    # A user's ring is kept for 60 s after its last socket; then its partition goes after another 60 s.
    deadline = time.monotonic() + RING_SECONDS + 30
    while time.monotonic() < deadline and any(one["users"] > before[n]["users"] for n, one in after.items()):
        await asyncio.sleep(2)
        after = await held(scene.stack)
    scene.notes.append(
        lambda: (
            f"{comers.welcomed} came and went in {took:.0f} s, {comers.failed} failed; "
            + "; ".join(f"{name}: {_change(before[name], after[name])}" for name in after)
        )
    )
    for name, one in after.items():
        if one["users"] > before[name]["users"] or one["asyncio_tasks"] > before[name]["asyncio_tasks"] + 10:
            scene.troubles.append(f"{name} still holds {_change(before[name], one)}")
        if one["pss_mib"] > before[name]["pss_mib"] + MEMORY_MIB:
            scene.troubles.append(f"{name} grew to {one['pss_mib']:.0f} MiB")
    if comers.failed:
        scene.troubles.append(f"{comers.failed} devices were not welcomed")


def _change(before: dict[str, float], after: dict[str, float]) -> str:
    return ", ".join(f"{key} {before[key]:.0f} -> {after[key]:.0f}" for key in after)


async def end_disturbers(scene: Scene) -> None:
    while scene.ending:
        await scene.ending.pop()()


RABBIT = ("rabbitmq",)
SAME = "nothing"
ROWS: tuple[Row, ...] = (
    Row(
        name="api-killed",
        what="kill -9 of an API process",
        sender="errors on its connections; the retry with the same id gives the same seq",
        recipient="late: next hint's gap, or the sweep",
        begin=kill("backend"),
        quick=True,
    ),
    Row(
        name="api-frozen",
        what="an API process hangs (SIGSTOP) for 6 s",
        sender="requests there time out; retries go elsewhere",
        recipient="late: what it had committed and not yet published",
        begin=freeze("backend"),
        mend=thaw("backend"),
        lasts_seconds=6,
    ),
    Row(
        name="api-restarted",
        what="an API process is restarted (SIGTERM)",
        sender=SAME,
        recipient=SAME,
        begin=restart("backend"),
        late_seconds=5,
        sockets_may_close=False,
    ),
    Row(
        name="websocket-killed",
        what="kill -9 of a websocket service",
        sender=SAME,
        recipient="1006, back within its backoff, resume by one query",
        begin=kill("websocket"),
        sends_may_wait=False,
        quick=True,
        late_seconds=5,
    ),
    Row(
        name="websocket-frozen",
        what="a websocket service hangs (SIGSTOP) for 6 s",
        sender=SAME,
        recipient="late by the length of the hang, or moved by the proxy",
        begin=freeze("websocket"),
        mend=thaw("websocket"),
        lasts_seconds=6,
        sends_may_wait=False,
        late_seconds=10,
    ),
    Row(
        name="websocket-restarted",
        what="a websocket service is restarted (SIGTERM)",
        sender=SAME,
        recipient="bye, the new socket opens before the old one closes",
        begin=restart("websocket"),
        late_seconds=5,
        sends_may_wait=False,
        watch_seconds=20,
    ),
    Row(
        name="broker-node-killed",
        what="kill -9 of one of three RabbitMQ nodes",
        sender=SAME,
        recipient="1 to 6 s pause, no disconnect: a new generation and a catch-up",
        begin=kill("rabbitmq"),
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=25,
        needs=RABBIT,
        nodes=3,
        late_seconds=6,
    ),
    Row(
        name="broker-node-frozen",
        what="one of three RabbitMQ nodes hangs (SIGSTOP) for 15 s",
        sender=SAME,
        recipient="a pause until the heartbeat notices, then polling or another node",
        begin=freeze("rabbitmq"),
        mend=thaw("rabbitmq"),
        lasts_seconds=15,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=25,
        needs=RABBIT,
        nodes=3,
    ),
    Row(
        name="broker-killed",
        what="kill -9 of the whole RabbitMQ cluster",
        sender="201 unaffected",
        recipient="2 to 3 s latency from polling, until it is back",
        begin=all_of("rabbitmq"),
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=40,
        needs=RABBIT,
        nodes=3,
        late_seconds=6,
    ),
    Row(
        name="broker-partition",
        what="one of three RabbitMQ nodes is cut off (pause_minority) for 15 s",
        sender="201 unaffected",
        recipient="who was on it: a new generation on another node",
        begin=cut_off_last_node,
        mend=join_last_node,
        lasts_seconds=15,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=25,
        needs=RABBIT,
        nodes=3,
        late_seconds=20,
    ),
    Row(
        name="broker-memory-alarm",
        what="RabbitMQ blocks its publishers (memory alarm) for 15 s",
        sender="201 unaffected",
        recipient="first messages at the sweep, then 2 to 3 s from polling",
        begin=memory_alarm,
        mend=end_of_alarm,
        lasts_seconds=15,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=25,
        needs=RABBIT,
    ),
    Row(
        name="haproxy-killed",
        what="kill -9 of HAProxy, all sockets at once",
        sender="connections refused until the supervisor has it back; retries",
        recipient="1006 for all; back with full jitter; from the ring where it is young",
        begin=kill("haproxy"),
        transactions_factor=2.0,
        needs=("haproxy",),
        quick=True,
        late_seconds=20,
    ),
    Row(
        name="haproxy-reloaded",
        what="HAProxy is reloaded",
        sender=SAME,
        recipient=SAME,
        begin=reload_haproxy,
        late_seconds=3,
        sends_may_wait=False,
        sockets_may_close=False,
        needs=("haproxy",),
    ),
    Row(
        name="postgres-restarted",
        what="PostgreSQL is restarted",
        sender="503 while it is away; retries",
        recipient="sockets stay; nothing is stored, so nothing is late",
        begin=restart("postgres"),
        sockets_may_close=False,
    ),
    Row(
        name="postgres-killed",
        what="kill -9 of PostgreSQL, with crash recovery",
        sender="503 while it is away; retries give the same seq where the first try was stored",
        recipient="sockets stay",
        begin=kill("postgres"),
        sockets_may_close=False,
        watch_seconds=20,
    ),
    Row(
        name="publisher-link-reset",
        what="connections backend - broker are reset",
        sender=SAME,
        recipient="at most 2 s, or the next hint's gap",
        begin=link("reset", "backend-broker"),
        sends_may_wait=False,
        sockets_may_close=False,
        needs=RABBIT,
        late_seconds=5,
    ),
    Row(
        name="publisher-link-stalled",
        what="the link backend - broker stalls for 12 s",
        sender="201 unaffected",
        recipient="first messages at the sweep, then 2 to 3 s from polling",
        begin=link("stall", "backend-broker"),
        mend=heal_links,
        lasts_seconds=12,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=20,
        needs=RABBIT,
    ),
    Row(
        name="consumer-link-reset",
        what="connections websocket service - broker are reset",
        sender=SAME,
        recipient="a pause below 3 s, no disconnect",
        begin=link("reset", "websocket-broker"),
        sends_may_wait=False,
        sockets_may_close=False,
        needs=RABBIT,
        quick=True,
        late_seconds=6,
    ),
    Row(
        name="consumer-link-half-open",
        what="the broker drops its consumers and they are not told, for 15 s",
        sender=SAME,
        recipient="until the heartbeat notices (about 10 s), then a catch-up",
        begin=link("half_open", "websocket-broker"),
        mend=heal_links,
        lasts_seconds=15,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=20,
        needs=RABBIT,
        late_seconds=15,
    ),
    Row(
        name="database-link-reset",
        what="every connection to PostgreSQL is reset",
        sender="503 or a retry within the request; retries give the same seq",
        recipient="sockets stay",
        begin=link("reset", "backend-postgres", "websocket-postgres"),
        sockets_may_close=False,
    ),
    Row(
        name="database-link-stalled",
        what="the link backend - PostgreSQL stalls for 5 s",
        sender="requests wait or time out; retries",
        recipient="late by the stall at most, sockets stay",
        begin=link("stall", "backend-postgres"),
        mend=heal_links,
        lasts_seconds=5,
        sockets_may_close=False,
    ),
    Row(
        name="catch-up-link-stalled",
        what="the link websocket service - PostgreSQL stalls for 8 s",
        sender=SAME,
        recipient=SAME + ": hints go on",
        begin=link("stall", "websocket-postgres"),
        mend=heal_links,
        lasts_seconds=8,
        sends_may_wait=False,
        sockets_may_close=False,
        late_seconds=3,
    ),
    Row(
        name="hints-mangled",
        what="every hint a second time, late and out of order, for 10 s",
        sender=SAME,
        recipient="each message once, in order",
        begin=copy_hints,
        mend=end_disturbers,
        lasts_seconds=10,
        late_seconds=5,
        sends_may_wait=False,
        sockets_may_close=False,
        quick=True,
    ),
    Row(
        name="ten-thousand-come-and-go",
        what="10,000 devices connect and leave",
        sender=SAME,
        recipient="the others: nothing; users, tasks and memory of the services back to the start",
        begin=ten_thousand,
        late_seconds=5,
        sends_may_wait=False,
        sockets_may_close=False,
        watch_seconds=60,
    ),
    Row(
        name="clients-stop-reading",
        what="twenty devices stop reading for 15 s",
        sender=SAME,
        recipient="everybody else: nothing; they: closed (4002), resume later",
        begin=stop_reading,
        mend=end_disturbers,
        lasts_seconds=15,
        late_seconds=3,
        sends_may_wait=False,
        sockets_may_close=False,
        mix="send_busy",
        content_characters=4096,
    ),
)


def named(name: str) -> Row:
    """The row of this name. Raises KeyError."""
    return {row.name: row for row in ROWS}[name]
