"""Runs on a real stack: the record is whole, and what goes wrong on purpose makes it INVALID."""

import asyncio
import csv
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import jsonschema
import numpy as np
import psutil
import pytest

from hl_utils import seeding
from lab.errors import LabError
from lab.load import bare, record, stall
from lab.load.figures import Samples
from lab.load.observer import Observer
from lab.load.plan import LoadPlan, Targets
from lab.load.population import Population
from lab.load.run import run_load
from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request
from wire.message import HOPS

pytestmark = [pytest.mark.stack, pytest.mark.integration]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDescription]:
    """One stack for all tests here, with people in it."""
    home = tmp_path_factory.mktemp("load") / "home"
    with running(Request(home, mode="multi", api=1, websockets=1)) as description:
        with pytest.raises(LabError, match="no users; make some: lab seed"):
            asyncio.run(run_load(LoadPlan(stack=description)))
        people = seeding.planned(60, None, None, 1)
        seeding.run(people, "en_US", "password", seeding.connection(description.postgres.dsn))
        yield description


@pytest.fixture
def plan(stack: StackDescription) -> LoadPlan:
    """Its limits are for a machine that is full; no run waits for them."""
    small = LoadPlan(stack=stack, rate=60, duration=2, warm_up=0.5, sockets=20, dialogs=20)
    return replace(small, timeout=30, settle=60)


def guard(run: record.RunRecord, name: str) -> record.Guard:
    return next(one for one in run.guards if one.name == name)


def pid_of_generator() -> int:
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ended between two looks
            if "lab.load.worker" in child.cmdline():
                return child.pid
    raise AssertionError("no generator process")


async def test_what_is_counted_besides_is_read_after_the_warm_up_and_moves_no_mark(
    plan: LoadPlan, monkeypatch: pytest.MonkeyPatch
):
    told: list[str] = []
    mark = Observer.mark
    database = await asyncpg.connect(plan.stack.postgres.dsn)

    async def marked(observer: Observer) -> None:
        told.append("mark")
        await mark(observer)

    async def slow_count() -> None:
        told.append("asked")
        stored.append(await database.fetchval("SELECT count(*) FROM dialogmessage"))
        await asyncio.sleep(1)
        told.append("counted")

    monkeypatch.setattr(Observer, "mark", marked)
    stored = [await database.fetchval("SELECT count(*) FROM dialogmessage")]
    found = await run_load(replace(plan, mix="send", warm_up=1.0), on_begin=slow_count)
    await database.close()
    assert found.valid
    assert told == ["asked", "mark", "counted", "mark"]
    assert stored[1] > stored[0]


async def under_way(plan: LoadPlan) -> "asyncio.Task[record.RunRecord]":
    """A run of which a second has been measured."""
    second = asyncio.Event()
    load = asyncio.create_task(run_load(plan, on_second=lambda _: second.set()))
    seen = asyncio.create_task(second.wait())
    await asyncio.wait([load, seen], return_when=asyncio.FIRST_COMPLETED)
    seen.cancel()
    if load.done():
        load.result()  # says why
    return load


async def stopped(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_record_of_a_run_is_whole(plan, tmp_path):
    seen: list[record.Second] = []
    asked = tmp_path / "asked.csv"
    plan = replace(plan, settle=3600)  # it ends when all is there: this test has no hour
    run = await run_load(replace(plan, mix="chat", command="lab load", asked=asked), on_second=seen.append)
    jsonschema.validate(json.loads(_saved(run, tmp_path)), record.schema())
    assert record.load(tmp_path / "run.json") == run
    assert run.ledger.clean and run.ledger.compared_with_database and run.ledger.acknowledged > 0
    assert run.ledger.delivered == run.ledger.owed > run.ledger.acknowledged
    assert run.total.ok == run.total.sent == run.total.offered == sum(one.offered for one in run.seconds)
    assert set(run.operations) == {"send", "list", "dialogs", "search", "get_user"}
    requests = list(csv.DictReader(asked.open()))
    assert {"send", "list", "dialogs"} <= {one["operation"] for one in requests}
    assert len(requests) > run.total.ok, "the warm-up is there too"
    assert all(
        float(one["intended"]) < float(one["answered"]) and one["status"][0] == "2" for one in requests
    )
    assert [one.name for one in run.hops][:2] == ["generator", "request"] and len(run.hops) == 7
    assert [one.at for one in seen] == [0, 1] and seen[0].sockets == 20
    names = {one.name for one in run.usage}
    assert {"backend-1", "websocket-1", "postgres", "generator-1", "lab"} <= names
    assert all(one.cpu_seconds > 0 for one in run.usage if one.kind in ("backend", "generator"))
    assert run.stack.effective["backend-1"]["event_loop"] == "uvloop"
    assert run.verdict.word == ("VALID" if all(one.ok for one in run.guards) else "INVALID")


async def test_every_messages_way_is_on_record(plan, tmp_path):
    path = tmp_path / "ways.csv"
    run = await run_load(replace(plan, ways=path, sockets=40))
    lines = list(csv.DictReader(path.open()))
    assert len({line["id"] for line in lines}) == run.ledger.sends
    received = [line for line in lines if line["received"]]
    assert len(received) == run.ledger.delivered
    disordered = [line for line in received if not in_order(line)]
    assert len(disordered) <= run.ledger.replayed, disordered  # what was asked for again came another way
    for line in received:
        assert line["status"] == "201" and int(line["user_id"]) in (
            int(line["from_user_id"]),
            int(line["to_user_id"]),
        )


def in_order(line: dict[str, str]) -> bool:
    """Whether each moment of a message's way is known, and not before the one before it."""
    way = [float(line[name] or "nan") for name in ("intended", "sent", *HOPS, "received")]
    return all(later - earlier > -0.001 for earlier, later in pairwise(way))


def _saved(run: record.RunRecord, folder: Path) -> str:
    run.save(folder / "run.json")
    return (folder / "run.json").read_text()


async def test_both_encodings_and_several_processes_balance(plan):
    run = await run_load(replace(plan, encoding="msgpack", processes=2, sockets=40))
    assert run.ledger.clean and run.ledger.delivered > 0 and len(run.hops) == 7
    assert {"generator-1", "generator-2"} <= {one.name for one in run.usage}


async def test_sides_are_counted_apart(plan, stack):
    both = {name: Targets(tuple(stack.api), tuple(stack.websockets)) for name in ("a", "a2", "b")}
    run = await run_load(replace(plan, sides=both))
    assert list(run.sides) == ["a", "a2", "b"]
    for part in ("offered", "sent", "ok", "deliveries"):
        assert sum(getattr(one, part) for one in run.sides.values()) == getattr(run.total, part) > 0


@pytest.mark.parametrize("mix", ["list", "list_deep", "get_user"])
async def test_reading_mixes_are_answered(plan, mix):
    run = await run_load(replace(plan, mix=mix, sockets=0))
    assert run.total.ok == run.total.offered > 0 and run.total.delivery is None
    assert run.ledger.clean and run.ledger.sends == 0


async def test_stopped_server_shows_in_every_request_it_delayed(plan, stack):
    pid = stack.live_pids()["backend-1"]
    load = await under_way(replace(plan, duration=8))
    await stopped(pid, 2.0)  # so that one second lies wholly in it
    run = await load
    assert run.total.intended.p99 is not None and run.total.intended.p99 > 1.0
    worst = max(run.seconds, key=lambda one: one.intended_p50 or 0)
    assert worst.intended_p50 is not None and worst.intended_p50 > 0.2, "half of a second's requests waited"
    assert run.ledger.clean


async def test_stalled_generator_makes_the_run_invalid(plan):
    load = await under_way(replace(plan, duration=8))
    await stopped(pid_of_generator(), 0.8)
    run = await load
    assert run.verdict.word == "INVALID" and not guard(run, "generator lag").ok
    assert run.ledger.clean


async def test_throttled_generator_makes_the_run_invalid(plan):
    run = await run_load(replace(plan, in_flight_limit=1, rate=400))
    assert run.total.dropped > 0 and not guard(run, "achieved").ok
    assert run.verdict.word == "INVALID"
    assert run.total.offered == run.total.sent + run.total.dropped


@asynccontextmanager
async def refusing(api: str, every: int) -> AsyncIterator[str]:
    """The URL of a relay to an API process that answers each `every`th request itself: 503."""
    asked = count(1)
    upstream = urlsplit(api)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(upstream.hostname, upstream.port)
        back = asyncio.create_task(pour(answers, writer))
        while request := await reader.read(65_536):  # the generator has one request a connection under way
            if next(asked) % every:
                requests.write(request)
            else:
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        back.cancel()
        requests.close()
        writer.close()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await reader.read(65_536):
            writer.write(answer)

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_one_refusal_in_a_hundred_makes_the_run_invalid(plan, stack):
    """All the rest is as it should be: nothing is lost, and no other guard need fail."""
    async with refusing(stack.api[0], every=100) as api:
        run = await run_load(replace(plan, rate=150, sides={"a": Targets((api,), tuple(stack.websockets))}))
    failed = run.total.sent - run.total.ok
    assert run.total.errors == {"503": failed} and 1 <= failed <= 0.02 * run.total.sent
    assert not guard(run, "errors").ok and "503" in guard(run, "errors").seen
    assert run.verdict.word == "INVALID" and "do not count" in run.verdict.sentence
    assert run.ledger.clean, run.ledger.examples


async def test_killed_generator_makes_the_run_invalid(plan):
    load = await under_way(replace(plan, duration=8))
    os.kill(pid_of_generator(), signal.SIGKILL)
    run = await load
    assert run.verdict.word == "INVALID" and not guard(run, "generator alive").ok
    assert run.total.errors["unreported"] > 0


async def test_message_that_vanishes_from_the_database_voids_the_run(plan, stack):
    connection = await asyncpg.connect(stack.postgres.dsn)
    before = await connection.fetchval("SELECT clock_timestamp()")
    load = asyncio.create_task(run_load(plan))
    try:
        async with asyncio.timeout(60):
            row = None
            while row is None:
                row = await connection.fetchrow(
                    "DELETE FROM dialogmessage WHERE (dialog_id, seq) IN (SELECT dialog_id, seq "
                    "FROM dialogmessage WHERE created_at > $1 LIMIT 1) RETURNING dialog_id, seq",
                    before,
                )
                await asyncio.sleep(0.01)
    finally:
        await connection.close()
    run = await load
    assert run.ledger.acknowledged_not_stored == 1 and run.ledger.seq_gaps_in_database in (0, 1)
    assert run.verdict.word == "INVALID" and "void" in run.verdict.sentence


async def test_stop_keeps_what_was_measured(plan):
    stop = asyncio.Event()
    seen: list[record.Second] = []

    def on_second(second: record.Second) -> None:
        seen.append(second)
        stop.set()

    run = await run_load(replace(plan, duration=60), on_second=on_second, stop=stop)
    assert run.interrupted and 1 <= run.measured_seconds < 50
    assert run.total.ok == run.total.offered > 0 and run.ledger.clean


async def test_cancelled_run_leaves_no_process(plan):
    load = await under_way(replace(plan, duration=60))
    assert pid_of_generator()
    load.cancel()
    with pytest.raises(asyncio.CancelledError):
        await load
    with pytest.raises(AssertionError, match="no generator process"):
        pid_of_generator()


async def test_generator_sees_a_server_that_stops(plan):
    tested = await stall.stall_test(replace(plan, rate=200))
    assert tested.ok and tested.slow >= tested.needed > 50
    assert tested.p99 is not None and tested.p99 > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_low_rate_does_not_fail_the_stall_test_by_chance(plan, seed):
    assert (await stall.stall_test(replace(plan, rate=5, seed=seed))).ok


async def test_generator_that_waited_for_answers_fails_the_stall_test(plan, monkeypatch):
    """It would have sent nothing in the stall but the one request that it waits for."""
    honest = bare.offer

    async def closed_loop(plan: LoadPlan, people: Population) -> Samples:
        samples = await honest(plan, people)
        taken = samples.answered - samples.due
        slow = taken > stall.SLOW_SECONDS
        slow[taken.argmax()] = False
        return replace(samples, answered=np.where(slow, samples.due + 0.001, samples.answered))

    monkeypatch.setattr(stall, "offer", closed_loop)
    tested = await stall.stall_test(replace(plan, rate=200))
    assert not tested.ok and tested.slow == 1 and tested.needed > 50


@pytest.mark.slow
async def test_database_that_crashes_ends_no_run(plan, stack):
    """One of PostgreSQL's processes is killed, so that it recovers: the books still balance."""
    connection = await asyncpg.connect(stack.postgres.dsn)
    load = await under_way(replace(plan, duration=6, timeout=1, retries=3))
    victim = await connection.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'backend-1%' LIMIT 1"
    )
    os.kill(victim, signal.SIGKILL)
    run = await load
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")  # it did crash
    log = (stack.home / "logs" / "postgres.log").read_text()[-3000:]
    assert run.ledger.compared_with_database and run.ledger.acknowledged > 0, log
    assert run.ledger.acknowledged_not_stored == 0
    assert run.ledger.clean, run.ledger.examples
