"""A listening device against a real websocket server that is told what to do."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from lab.load.device import GAP, KNOWN, LATE, MISROUTED, NEXT, REPLAY, Device
from lab.load.frames import LANGUAGES, Light

Script = Callable[[ServerConnection, int], Awaitable[None]]
ME, OTHER = 7, 9
DIALOG = "00000000-0000-0007-0000-000000000009"


class Log:
    """All that a device reported."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.order: list[int] = []
        self.codes: list[int] = []
        self.welcomes: list[str] = []

    def received(self, device: int, message: Light, flags: int, at: float) -> None:
        self.seen.append((message.s, flags))

    def applied(self, device: int, message: Light, at: float) -> None:
        self.order.append(message.s)

    def closed(self, device: int, code: int) -> None:
        self.codes.append(code)

    def welcomed(self, device: int, resumed: str) -> None:
        self.welcomes.append(resumed)


def message(seq: int, dialog: str = DIALOG, sender: int = OTHER, to: int = ME) -> dict[str, Any]:
    return {"d": dialog, "s": seq, "id": f"id {seq}", "f": sender, "to": to, "c": "hi", "at": 0.0}


def batch(*seqs: int, **more: Any) -> str:
    return json.dumps({"t": "batch", "n": 1, "m": [message(seq) for seq in seqs], **more})


def welcome(resumed: str = "new", cursor: str = "c1") -> str:
    return json.dumps({"t": "welcome", "sid": 1, "resumed": resumed, "hb": 25000, "cursor": cursor})


@asynccontextmanager
async def listening(
    script: Script, refetched: Sequence[int] = (), last: int | None = 0
) -> AsyncIterator[tuple[Device, Log]]:
    """A device that is connected to a server which runs `script` with each connection and its number."""
    count = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal count
        count += 1
        await script(connection, count)

    def refetch(user: int, other: int, after: int) -> "asyncio.Future[Sequence[Light]]":
        assert (user, other) == (ME, OTHER)
        found: asyncio.Future[Sequence[Light]] = asyncio.get_running_loop().create_future()
        found.set_result([Light(None, s, f"id {s}", OTHER, ME) for s in refetched if s > after])
        return found

    async with serve(handle, "127.0.0.1", 0, subprotocols=[Subprotocol("dialog.v1.json")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        log = Log()
        device = Device(
            number=0,
            user_id=ME,
            urls=[f"ws://127.0.0.1:{port}/ws?a", f"ws://127.0.0.1:{port}/ws?b"],
            token="token",
            language=LANGUAGES["json"],
            dialogs={DIALOG: (OTHER, last)},
            log=log,
            refetch=refetch,
            chance=random.Random(1),
            device_id="device",
        )
        await device.connect()
        try:
            yield device, log
        finally:
            device.end()


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is data
            await asyncio.sleep(0.005)


async def hello_of(connection: ServerConnection) -> dict[str, Any]:
    hello: dict[str, Any] = json.loads(await connection.recv())
    assert hello["t"] == "hello" and hello["token"] == "token" and hello["dev"] == "device"
    return hello


async def test_messages_are_applied_and_heartbeats_answered():
    answers = []

    async def script(connection: ServerConnection, _: int) -> None:
        assert connection.request and connection.request.path == f"/ws?a&u={ME}"
        assert (await hello_of(connection))["resume"] is None
        await connection.send(welcome())
        await connection.send(batch(1, 2))
        await connection.send(json.dumps({"t": "hb", "cursor": "c2", "lag": False}))
        answers.append(json.loads(await connection.recv()))
        await connection.wait_closed()

    async with listening(script) as (device, log):
        await until(lambda: bool(answers))
        assert answers == [{"t": "hb", "cursor": "c2"}]
        assert log.order == [1, 2] and log.seen == [(1, NEXT), (2, NEXT)]
        assert device.open


async def test_gap_is_asked_for_after_a_while_and_closed():
    async def script(connection: ServerConnection, _: int) -> None:
        await hello_of(connection)
        await connection.send(welcome())
        await connection.send(batch(1, 3))
        sent = time.monotonic()
        asked = json.loads(await connection.recv())
        assert time.monotonic() - sent > 0.1
        assert (asked["t"], asked["d"], asked["after"]) == ("get", DIALOG, 1)
        await connection.send(batch(2, 3, re=True))
        await connection.wait_closed()

    async with listening(script) as (_, log):
        await until(lambda: log.order == [1, 2, 3])
        await until(lambda: len(log.seen) == 4)
        assert log.seen == [(1, NEXT), (3, GAP), (2, NEXT | REPLAY), (3, KNOWN | REPLAY)]


class Timers:
    """An event loop's timers, and what was said over a link, by a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
        self.said: list[tuple[float, dict[str, Any]]] = []

    def call_later(self, seconds: float, call: Callable[..., None], *given: Any) -> None:
        self.due.append((self.now + seconds, call, given))

    def fire(self) -> None:
        """The next timer."""
        self.now, call, given = self.due.pop(0)
        call(*given)

    def say(self, frame: dict[str, Any]) -> None:
        self.said.append((self.now, frame))


def test_a_message_is_held_for_150_ms_and_one_answer_after_the_gap_was_seen(monkeypatch: pytest.MonkeyPatch):
    timers, log = Timers(), Log()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: timers)
    device = Device(
        number=0,
        user_id=ME,
        urls=[],
        token="token",
        language=LANGUAGES["json"],
        dialogs={DIALOG: (OTHER, 1)},
        log=log,
        refetch=cast("Any", None),
        chance=random.Random(1),
        device_id="device",
        link=cast("Any", timers),
    )

    def take(seq: int, at: float) -> None:
        timers.now = at
        device.take([Light(DIALOG, seq, f"id {seq}", OTHER, ME)], False, at)

    take(3, 10.0)
    take(5, 10.1)  # another gap does not put off what was to be asked for the first
    timers.fire()
    assert timers.said == [(10.15, {"t": "get", "d": DIALOG, "after": 1, "limit": 100})]
    assert log.order == []
    for seq in (2, 4):
        take(seq, 10.16)
    assert log.order == [2, 3, 4, 5]
    timers.fire()
    assert len(timers.said) == 1 and not timers.due


async def test_late_and_doubled_messages_are_told_apart():
    async def script(connection: ServerConnection, _: int) -> None:
        await hello_of(connection)
        await connection.send(welcome())
        for seq in (2, 1, 1):
            await connection.send(batch(seq))
        await connection.wait_closed()

    async with listening(script) as (_, log):
        await until(lambda: len(log.seen) == 3)
        assert log.seen == [(2, GAP), (1, NEXT | LATE), (1, KNOWN | LATE)]
        assert log.order == [1, 2]


async def test_message_of_other_people_is_misrouted():
    async def script(connection: ServerConnection, _: int) -> None:
        await hello_of(connection)
        await connection.send(welcome())
        await connection.send(json.dumps({"t": "batch", "n": 1, "m": [message(1, "x", sender=1, to=2)]}))
        await connection.wait_closed()

    async with listening(script) as (_, log):
        await until(lambda: log.seen == [(1, MISROUTED)])
        assert log.order == []


async def test_closed_device_comes_back_with_its_cursor():
    async def script(connection: ServerConnection, number: int) -> None:
        hello = await hello_of(connection)
        if number == 1:
            await connection.send(welcome(cursor="where I was"))
            await connection.send(batch(1))
            await connection.close(4002, "slow")
        else:
            assert hello["resume"] == "where I was"
            assert connection.request and connection.request.path == f"/ws?b&u={ME}", "the next address"
            await connection.send(welcome("ring"))
            await connection.send(batch(1, 2, re=True))
            await connection.wait_closed()

    async with listening(script) as (_, log):
        await until(lambda: log.order == [1, 2])
        assert log.codes == [4002] and log.welcomes == ["new", "ring"]


async def test_broken_connection_counts_as_1006_and_comes_back():
    async def script(connection: ServerConnection, number: int) -> None:
        await hello_of(connection)
        await connection.send(welcome())
        if number == 1:
            connection.transport.abort()
        await connection.wait_closed()

    async with listening(script) as (_, log):
        await until(lambda: len(log.welcomes) == 2)
        assert log.codes == [1006]


async def test_code_of_45xx_ends_the_device():
    async def script(connection: ServerConnection, number: int) -> None:
        assert number == 1, "it must not come back"
        await hello_of(connection)
        await connection.close(4506, "revoked")

    async with listening(script) as (device, log):
        await until(lambda: device.stopped_by == 4506)
        assert log.codes == [4506] and not device.tasks


async def test_bye_opens_the_new_socket_before_the_old_one_closes():
    open_ones: set[int] = set()
    both = asyncio.Event()

    async def script(connection: ServerConnection, number: int) -> None:
        await hello_of(connection)
        open_ones.add(number)
        if len(open_ones) == 2:
            both.set()
        await connection.send(welcome())
        if number == 1:
            await connection.send(json.dumps({"t": "bye", "why": "drain", "after": 50}))
        await connection.wait_closed()
        open_ones.discard(number)

    async with listening(script) as (_, log):
        async with asyncio.timeout(60):
            await both.wait()
        await until(lambda: open_ones == {2})
        assert log.codes == [] and len(log.welcomes) == 2


async def test_a_move_that_was_refused_is_tried_again_while_the_old_socket_is_open():
    ended: list[int] = []

    async def script(connection: ServerConnection, number: int) -> None:
        await hello_of(connection)
        if number == 2:
            await connection.close(4001, "drain")  # the proxy sent it back to the one that leaves
            return
        await connection.send(welcome())
        if number == 1:
            await connection.send(json.dumps({"t": "bye", "why": "drain", "after": 0}))
        await connection.wait_closed()
        ended.append(number)

    async with listening(script) as (_, log):
        await until(lambda: ended == [1])
        assert log.codes == [4001] and len(log.welcomes) == 2


async def test_device_that_cannot_resume_reads_its_dialogs_over_http():
    async def script(connection: ServerConnection, _: int) -> None:
        await hello_of(connection)
        await connection.send(welcome("none"))
        await connection.wait_closed()

    async with listening(script, refetched=[1, 2, 3, 4], last=1) as (_, log):
        await until(lambda: log.order == [2, 3, 4])
        assert {flags for _, flags in log.seen} == {NEXT | REPLAY}
