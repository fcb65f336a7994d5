"""The options that levers pull: each does what it says, and says so in /health."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import asyncpg
import jwt
import pytest
import redis.asyncio

from backend.bodies import UserOut
from backend.metrics import Metrics
from backend.reads import FromReplicaWithOwnWrites
from backend.twins import TWINS
from backend.user_reader import InProcess, SingleFetch
from lab.stack.ports import free_ports
from tests.backend.replica import replica_of
from tests.backend.running import Recorder, Running, Start
from tests.waiting import PATIENCE_SECONDS, eventually
from wire.broker import BrokerUnavailable
from wire.message import DialogMessage


async def effective(backend: Running) -> dict[str, object]:
    values: dict[str, object] = (await backend.client.get("/health")).json()["effective"]
    return values


async def test_health_asks_the_parts_and_not_the_settings(start: Start):
    backend = await start()
    before = await effective(backend)
    settings = backend.app.settings
    other = {
        name: next(word for word in get_args(field.annotation) if word != getattr(settings, name))
        for name, field in type(settings).model_fields.items()
        if get_origin(field.annotation) is Literal
    }
    assert len(other) > 15
    numbers: dict[str, float] = {
        "pool_size": 99,
        "shard_count": 99,
        "hints_per_message": 9,
        "uvicorn_workers": 9,
    }
    numbers["publish_interval_seconds"] = 0.9
    backend.app.settings = settings.model_copy(update={**other, **numbers})
    assert await effective(backend) == before


@pytest.mark.parametrize(
    ("option", "driver"),
    [
        ({"query_path": "raw", "token_cache": "off", "hop_times": "on", "pool_size": 3}, "asyncpg"),
        ({"query_path": "fastapi", "token_cache": "on", "group_commit": "on", "paging": "offset"}, "asyncpg"),
        ({"query_path": "orm_async", "hop_times": "on", "pool_size": 3}, "asyncpg"),
        ({"query_path": "orm_sync", "delivery": "fire_and_forget", "pool_size": 3}, "psycopg"),
        ({"query_path": "fastapi_asyncpg", "prepared_statements": "off", "pool_size": 3}, "asyncpg"),
        ({"cache": "process", "delivery": "outbox", "payload": "notify", "durability": "local"}, "asyncpg"),
    ],
)
async def test_health_names_driver_and_parts(start: Start, option: dict[str, Any], driver: str):
    assert (await effective(await start(**option))).items() >= {**option, "driver": driver}.items()


@pytest.mark.parametrize("option", [{"paging": "offset"}, {"pair_index": "off"}])
async def test_every_way_of_paging_gives_the_same_pages(start: Start, option: dict[str, str]):
    plain, other_way = await start(), await start(**option)
    assert (await effective(other_way)).items() >= option.items()
    me, other, third = await plain.users(3)
    for number in range(12):
        await plain.send(me, other, str(number))
        await plain.send(me, third, "elsewhere")
    for query in (
        {},
        {"before": 9},
        {"before": 1},
        {"before": 99},
        {"after": 0},
        {"after": 5},
        {"after": 99},
    ):
        for limit in (1, 5, 20):
            expected = await plain.page(me, other, limit=limit, **query)
            assert await other_way.page(me, other, limit=limit, **query) == expected


async def test_a_notification_carries_all_but_the_content(start: Start):
    backend = await start(payload="notify")
    me, other = await backend.users()
    sent = (await backend.send(me, other, "secret")).json()
    await eventually(lambda: backend.publisher.hints)
    (hint,) = backend.publisher.hints
    assert (hint.content, hint.seq, str(hint.id)) == ("", sent["seq"], sent["id"])
    assert sent["content"] == "secret"


async def test_the_outbox_too_carries_all_but_the_content(start: Start):
    recorder = Recorder(away=True)
    backend = await start(recorder, payload="notify", delivery="outbox")
    me, other = await backend.users()
    await backend.send(me, other, "secret")
    await eventually(lambda: backend.app.metrics.hints_failed == 1)
    recorder.away = False
    await eventually(lambda: recorder.hints)
    assert recorder.hints[0].content == ""


class Refusing(Recorder):
    """A broker that takes nothing, and counts how often it was asked."""

    asked = 0

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        self.asked += 1
        raise BrokerUnavailable("no")


@pytest.mark.parametrize(("delivery", "tries"), [("confirm", 3), ("fire_and_forget", 1)])
async def test_what_is_not_looked_after_is_tried_once(start: Start, delivery: str, tries: int):
    recorder = Refusing()
    backend = await start(recorder, delivery=delivery)
    me, other = await backend.users()
    await backend.send(me, other)
    await eventually(lambda: backend.app.metrics.hints_failed == 1)
    assert recorder.asked == tries


async def test_without_the_token_cache_every_token_is_decoded(start: Start):
    backend = await start(token_cache="off")
    me, other = await backend.users()
    assert (await backend.send(me, other)).status_code == 201
    assert not backend.app.access.tokens._cache
    assert (await effective(backend))["token_cache"] == "off"


async def test_without_prepared_statements_none_is_kept(start: Start):
    backend = await start(prepared_statements="off", group_commit="off", pool_size=1)
    me, other = await backend.users()
    assert (await backend.send(me, other)).status_code == 201
    rows = await backend.app.pool.fetch("SELECT name FROM pg_prepared_statements WHERE name <> ''")
    assert rows == []


async def get_user(backend: Running, user: int) -> dict[str, object]:
    answer = await backend.client.get(f"/api/v1/users/{user}", headers=backend.headers(user))
    assert answer.status_code == 200
    body: dict[str, object] = answer.json()
    return body


async def test_an_entry_of_the_cache_is_never_older_than_it_may_be(start: Start, monkeypatch):
    backend = await start(cache="process", cache_seconds=60)
    (user,) = await backend.users(1)
    before = await get_user(backend, user)
    await backend.database.execute("UPDATE \"user\" SET first_name = 'New' WHERE id = $1", user)
    assert await get_user(backend, user) == before
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr("backend.user_reader.monotonic", lambda: now + 61)
    assert (await get_user(backend, user))["first_name"] == "New"
    assert (backend.app.metrics.cache_hits, backend.app.metrics.cache_misses) == (1, 2)


async def test_the_cache_is_bounded_and_drops_the_oldest(monkeypatch):
    monkeypatch.setattr("backend.user_reader.ENTRIES", 3)
    loaded: list[int] = []

    async def load(user: int, me: int) -> UserOut:
        loaded.append(user)
        return UserOut(id=user, username="u", first_name="f", last_name="l")

    cache = InProcess(load, 60, Metrics())
    for user in (1, 2, 3, 4, 2, 3, 4, 1):
        await cache.user(user, 0)
    assert loaded == [1, 2, 3, 4, 1]


async def test_a_hundred_requests_for_a_missing_user_are_one_fetch():
    loaded: list[int] = []

    async def load(user: int, me: int) -> UserOut:
        loaded.append(user)
        await asyncio.sleep(0.01)
        return UserOut(id=user, username="u", first_name="f", last_name="l")

    cache = InProcess(SingleFetch(load), 60, Metrics())
    await asyncio.gather(*(cache.user(7, 0) for _ in range(100)))
    assert loaded == [7]


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    (port,) = free_ports(1)
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


async def test_redis_is_one_cache_for_all_processes(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("backend.redis_cache.REDIS_SECONDS", 10.0)  # a late answer is a miss
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await eventually(lambda: answers(client))
    given = {"cache": "redis", "redis_url": redis_url, "cache_seconds": 60}
    first, second = await start(**given), await start(**given)
    (user,) = await first.users(1)
    before = await get_user(first, user)
    await first.database.execute("UPDATE \"user\" SET first_name = 'New' WHERE id = $1", user)
    assert await get_user(second, user) == before
    assert second.app.metrics.cache_hits == 1
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert 0 < await client.pttl(f"user:{user}") <= 60_000


async def answers(client: "redis.asyncio.Redis") -> bool:
    try:
        return bool(await client.ping())
    except (redis.RedisError, OSError):
        return False


async def test_a_redis_that_is_away_costs_a_miss_not_an_error(start: Start):
    (port,) = free_ports(1)
    backend = await start(cache="redis", redis_url=f"redis://127.0.0.1:{port}/0")
    (user,) = await backend.users(1)
    assert (await get_user(backend, user))["id"] == user
    assert backend.app.metrics.cache_misses == 1


class FakePool:
    """Says who was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = 1

    async def fetch(self, statement: str, *arguments: object) -> list[str]:
        return [self.name]

    fetch_repeatable = fetch


async def asked(reads: FromReplicaWithOwnWrites, reader: int) -> str:
    return str((await reads.fetch(reader, ""))[0])


def pool(name: str) -> Any:
    return FakePool(name)


async def test_own_writes_are_read_from_the_primary_until_the_replica_has_them():
    positions = {"written": 100, "replayed": 100}

    async def written() -> int:
        return positions["written"]

    async def replayed() -> int:
        return positions["replayed"]

    reads = FromReplicaWithOwnWrites(
        pool("primary"),
        pool("replica"),
        Metrics(),
        written=written,
        replayed=replayed,
    )
    assert await asked(reads, 1) == "primary"  # nothing is known yet
    await reads.look()
    assert await asked(reads, 1) == "replica"
    reads.wrote(1)
    positions["written"] = 200
    assert await asked(reads, 1) == "primary"
    assert await asked(reads, 2) == "replica"
    await reads.look()  # the replica has 100 of 200
    assert await asked(reads, 1) == "primary"
    positions["replayed"] = 199
    await reads.look()
    assert await asked(reads, 1) == "primary"
    positions["replayed"] = 200
    await reads.look()
    assert await asked(reads, 1) == "replica"


async def test_a_lost_memory_of_a_write_is_on_the_safe_side(monkeypatch):
    monkeypatch.setattr("backend.reads.REMEMBERED", 1)

    async def position() -> int:
        return 100

    reads = FromReplicaWithOwnWrites(
        pool("primary"),
        pool("replica"),
        Metrics(),
        written=position,
        replayed=position,
    )
    await reads.look()
    reads.wrote(1)
    reads.wrote(2)
    assert await asked(reads, 1) == "primary"
    await reads.look()
    assert await asked(reads, 1) == "replica"


async def test_reads_of_the_primary_are_counted_also_where_there_is_no_other(start: Start):
    backend = await start(read_routing="primary")
    me, other = await backend.users()
    await backend.page(me, other)
    before = backend.app.metrics.reads_primary
    for _ in range(3):
        await backend.page(me, other)
    assert backend.app.metrics.reads_primary >= before + 3
    assert backend.app.metrics.reads_replica == 0


async def test_reads_go_to_the_primary_while_the_replica_is_away(start: Start):
    (port,) = free_ports(1)
    for routing in ("replica", "replica_ryw"):
        backend = await start(
            read_routing=routing, postgres_replica_host="127.0.0.1", postgres_replica_port=port
        )
        me, other = await backend.users()
        await backend.send(me, other, "x")
        assert len((await backend.page(me, other))["items"]) == 1
        assert backend.app.metrics.reads_primary > 0
        assert (await effective(backend))["read_routing"] == routing


async def test_a_real_replica_never_hides_my_own_writes(start: Start, database: str):
    """Its replay is stopped to make it late."""
    with replica_of(database) as replica:
        backend = await start(
            read_routing="replica_ryw",
            postgres_replica_host=replica.host,
            postgres_replica_port=replica.port,
        )
        me, other = await backend.users()
        await backend.send(me, other, "first")

        async def the_replica_answers() -> bool:
            before = backend.app.metrics.reads_replica
            assert len((await backend.page(me, other))["items"]) == 1
            return backend.app.metrics.reads_replica > before

        await eventually(the_replica_answers)
        elsewhere = await start(
            read_routing="replica_ryw",
            postgres_replica_host=replica.host,
            postgres_replica_port=replica.port,
        )
        name = urlsplit(database).path[1:]
        late = await asyncpg.connect(host=replica.host, port=replica.port, user="postgres", database=name)
        await late.execute("SELECT pg_wal_replay_pause()")
        sent = await backend.send(me, other, "second")
        for _ in range(20):
            assert len((await backend.page(me, other))["items"]) == 2
        through_another = await elsewhere.client.get(
            f"/api/v1/dialog/{other}/list/",
            headers={**elsewhere.headers(me), "x-wrote-at": sent.headers["x-wrote-at"]},
        )
        assert len(through_another.json()["items"]) == 2
        assert len((await backend.page(other, me))["items"]) == 1  # who wrote nothing may see the past
        await late.execute("SELECT pg_wal_replay_resume()")

        async def both_see_both() -> bool:
            return len((await backend.page(other, me))["items"]) == 2

        await eventually(both_see_both)
        await late.close()


async def test_a_send_to_a_replica_is_a_clear_503(start: Start):
    backend = await start(group_commit="off")
    me, other = await backend.users()
    pool = backend.app.pool
    for connection in list(pool._open):
        await eventually(partial(pool._idle.__contains__, connection))
        pool._idle.remove(connection)  # the list of disabled users is read by one of them now and then
        await connection.execute("SET default_transaction_read_only = on")
        pool._give_back(connection)
    answer = await backend.send(me, other)
    assert answer.status_code == 503
    assert answer.json()["detail"]


@pytest.mark.parametrize("way", TWINS)
async def test_a_twin_checks_each_token_and_says_so(start: Start, way: str, monkeypatch: pytest.MonkeyPatch):
    backend = await start(query_path=way)
    assert (await effective(backend))["token_cache"] == "off"
    me, other = await backend.users()
    checked: list[str] = []
    decode = jwt.decode

    def check(token: str, *rest: Any, **more: Any) -> Any:
        checked.append(token)
        return decode(token, *rest, **more)

    monkeypatch.setattr(jwt, "decode", check)
    for _ in range(3):
        assert (await backend.send(me, other)).status_code == 201
    assert len(checked) == 3
